//! Checks a plan, and finds its parts in the body.

use std::ops::Range;

use selvedge::site::media::plan::{PART_BYTES_MAX, Plan, RenderError, SOURCE_BYTES_MAX};

/// Where the parts of a body are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub source: Range<u64>,
    pub overlays: Vec<Range<u64>>,
    pub font: Option<Range<u64>>,
    /// The length of the body.
    pub bytes: u64,
}

impl Parts {
    /// # Errors
    ///
    /// [`RenderError::TooLarge`] if a part is; [`RenderError::BadPlan`] if there is no source.
    pub fn of(plan: &Plan) -> Result<Self, RenderError> {
        let mut bytes = 0;
        let mut part = |length: u64, max: u64| {
            if length > max {
                return Err(RenderError::TooLarge);
            }
            let first = bytes;
            bytes += length;
            Ok(first..bytes)
        };
        let (source, others) = plan.lengths.split_first().ok_or(RenderError::BadPlan)?;
        let source = part(*source, SOURCE_BYTES_MAX)?;
        let others = others.iter().map(|length| part(*length, PART_BYTES_MAX));
        let mut overlays = others.collect::<Result<Vec<_>, _>>()?;
        let font = plan.transformation.text.as_ref().and_then(|_| overlays.pop());
        Ok(Self { source, overlays, font, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(query: &str) -> Result<Parts, RenderError> {
        Parts::of(&Plan::parse(query).ok_or(RenderError::BadPlan)?)
    }

    const TEXT: &str = "txt=Anna&txt-font=%2Fa.ttf&txt-size=40";

    #[test]
    fn parts_follow_each_other() {
        let query = format!("lengths=100,20,3,4&fm=jpg&mark=%2Fa.png&mark2=%2Fb.png&{TEXT}&w=800");
        let expected = Parts {
            source: 0..100,
            overlays: vec![100..120, 120..123],
            font: Some(123..127),
            bytes: 127,
        };
        assert_eq!(parts(&query), Ok(expected));
        let expected = Parts { source: 0..0, overlays: Vec::new(), font: None, bytes: 0 };
        assert_eq!(parts("lengths=0&"), Ok(expected));
    }

    #[test]
    fn lengths_are_bounded() {
        let rows = [
            (SOURCE_BYTES_MAX, 0, 0, true),
            (SOURCE_BYTES_MAX + 1, 0, 0, false),
            (999_999_999_999_999_999, 0, 0, false),
            (0, PART_BYTES_MAX, PART_BYTES_MAX, true),
            (0, PART_BYTES_MAX + 1, 0, false),
            (0, 0, PART_BYTES_MAX + 1, false),
        ];
        for (source, overlay, font, is_allowed) in rows {
            let query = format!("lengths={source},{overlay},{font}&mark=%2Fa.png&{TEXT}");
            let expected = if is_allowed { None } else { Some(RenderError::TooLarge) };
            assert_eq!(parts(&query).err(), expected, "{query}");
        }
    }
}
