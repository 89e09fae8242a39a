//! Reports the progress of long operations to the caller.

pub trait Progress: Sync {
    /// Begins a step, which ends when the returned value is dropped.
    fn step(&self, verb: &'static str, total: u64, unit: Unit) -> Box<dyn Step>;

    fn note(&self, text: &str);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Files,
    Renditions,
    Bytes,
}

pub trait Step: Sync {
    fn advance(&self, amount: u64);
}

#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &'static str, _: u64, _: Unit) -> Box<dyn Step> {
        Box::new(Self)
    }

    fn note(&self, _: &str) {}
}

impl Step for Silent {
    fn advance(&self, _: u64) {}
}
