//! Memory and time: estimates against what is measured, and mutated images within bounds.
//!
//! `MUTATIONS=10000 SEED=8` decodes more and other ones of them.

mod samples;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jpeg_encoder::{ColorType as JpegColour, SamplingFactor};
use samples::*;
use selvedge_media::decode::decode;
use selvedge_media::fault::Fault;
use selvedge_media::image::Size;
use selvedge_media::input::Input;
use selvedge_media::limits::MEMORY_BYTES_MAX;
use selvedge_media::probe::probe;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The counters are of the process, so tests take turns.
static TURN: Mutex<()> = Mutex::new(());

struct Counting;

fn grow(bytes: usize) {
    let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(in_use, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() {
            // As if it were copied, the worst case.
            grow(size);
            IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        } else {
            IN_USE.fetch_sub(layout.size() - size, Ordering::Relaxed);
        }
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and returns the most bytes that it had at once.
fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    (result, (PEAK.load(Ordering::Relaxed) - before) as u64)
}

/// A file that tells how much memory is in use beyond `before`, as the runtime does.
struct Metered<'a> {
    file: Cursor<&'a [u8]>,
    before: usize,
}

impl<'a> Metered<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { file: Cursor::new(bytes), before: IN_USE.load(Ordering::Relaxed) }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.file.consume(amount);
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Input for Metered<'_> {
    fn memory_bytes(&self) -> u64 {
        IN_USE.load(Ordering::Relaxed).saturating_sub(self.before) as u64
    }
}

/// Large images, by name.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    use image_webp::ColorType as WebpColour;
    let size = Size { width: 4000, height: 3000 };
    let medium = Size { width: 2000, height: 1500 };
    let jpeg = JpegSample { size, sampling: SamplingFactor::F_2_2, ..JpegSample::default() };
    let progressive = JpegSample { scans: Some(5), ..jpeg.clone() };
    let turned = JpegSample { size: medium, exif: exif(6), ..jpeg.clone() };
    let inks = JpegSample { size: medium, profile: cmyk_profile(), ..JpegSample::default() };
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let frames: Vec<_> = (0..20)
        .map(|at| gif::Frame {
            dispose: gif::DisposalMethod::Previous,
            ..gif_frame((at, at), (800, 600), vec![1; 480_000])
        })
        .collect();
    let rgba = pixels::<4>(medium);
    let opaque = webp(medium, &pixels::<3>(medium), WebpColour::Rgb8);
    let lossless = webp(medium, &rgba, WebpColour::Rgba8);
    vec![
        ("jpeg", jpeg.rgb()),
        ("jpeg 4:4:4", JpegSample { sampling: SamplingFactor::F_1_1, ..jpeg }.rgb()),
        ("jpeg progressive", progressive.rgb()),
        ("jpeg turned", turned.rgb()),
        ("jpeg gray", turned.encode(&pixels::<1>(medium), JpegColour::Luma)),
        ("jpeg ink", inks.encode(&rgba, JpegColour::CmykAsYcck)),
        ("png", rgb_png(size, &pixels::<3>(size))),
        ("png alpha", rgba_png(medium, &rgba)),
        (
            "png turned",
            png(
                medium,
                (png::ColorType::Rgba, png::BitDepth::Sixteen),
                &pixels::<4>(Size { width: 2000, height: 3000 }),
                |_| {},
                &[(b"iCCP", iccp(&p3)), (b"eXIf", exif(5))],
            ),
        ),
        ("webp", lossless.clone()),
        ("webp opaque", opaque.clone()),
        ("webp turned", extended_webp(8, medium, &[], &lossless, &[chunk(b"EXIF", &exif(8))])),
        (
            "webp animated",
            riff(&[
                vp8x(0x12, medium),
                chunk(b"ANIM", &[0; 6]),
                anmf((0, 0), medium, 9, 0, &lossless),
                anmf((0, 0), medium, 9, 0, &opaque),
            ]),
        ),
        ("gif", gif(Size { width: 800, height: 600 }, None, &frames)),
    ]
}

#[test]
fn estimates_of_memory_are_right() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, bytes) in large() {
        for need in [100, 400, 800, 1600, 4000] {
            let need = Size { width: need, height: need * 3 / 4 };
            let mut input = Metered::new(&bytes);
            let (header, probed) = peak(|| probe(&mut input).unwrap());
            assert!(probed < 1 << 20, "{name}: {probed} bytes to probe");
            let Ok(estimate) = header.memory_bytes(need) else { continue };
            let started = now();
            let (decoded, measured) = peak(|| decode(&mut input, &header, need));
            let image = &decoded.unwrap().frames[0].image;
            println!(
                "{name} to {}: {} x {}, {:.1} of {:.1} MiB, {} ms",
                need.width,
                image.width,
                image.height,
                measured as f64 / f64::from(1 << 20),
                estimate as f64 / f64::from(1 << 20),
                started.elapsed().as_millis(),
            );
            // Only here, the JPEG decoder has threads, before which rows of coefficients queue up:
            // at worst all of them.
            let coefficients = header.size.pixels() * 2 * 4;
            let queues = if name.starts_with("jpeg") { coefficients } else { 0 };
            assert!(measured <= estimate + queues, "{name}: {measured} bytes, not {estimate}");
            let slack = 7 << 20;
            assert!(estimate <= measured * 2 + slack, "{name}: {estimate} for {measured} bytes");
        }
    }
}

/// Bits as lossless WebP stores them, from the lowest on.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= ((value >> bit & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A code of one symbol.
    fn push_simple(&mut self, symbol: u32) {
        self.push(0b101, 3);
        self.push(symbol, 8);
    }

    /// A code of 11 symbols of 1 to 10 bits, for which the decoder makes a table of 4 KiB.
    fn push_deep(&mut self) {
        self.push(0, 1);
        // Lengths of the codes of lengths, in the order of the format: 4 bits for each of 0 to 15.
        self.push(15, 4);
        for length in [0, 0, 4, 4, 4, 4, 4, 4, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4] {
            self.push(length, 3);
        }
        self.push(1, 1);
        // 11 symbols are stated: 2 and 9 more, in a number of 4 bits.
        self.push(1, 3);
        self.push(9, 4);
        for length in [1_u32, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
            // Codes begin with their highest bit.
            (0..4).rev().for_each(|bit| self.push(length >> bit & 1, 1));
        }
    }
}

/// A lossless WebP with as many groups of codes as the format allows, each of 20 KiB in the decoder
/// and of 70 bytes in the file.
fn bomb_of_codes(groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2f, 8);
    bits.push(255, 14);
    bits.push(255, 14);
    // No alpha, version, transformation or cache of colours.
    bits.push(0, 1 + 3 + 1 + 1);
    // A group for each 4 x 4 pixels, of an image of one colour that names the last group.
    bits.push(1, 1);
    bits.push(0, 3 + 1);
    bits.push_simple((groups - 1) & 255);
    bits.push_simple((groups - 1) >> 8);
    (0..3).for_each(|_| bits.push_simple(0));
    for _ in 0..groups * 5 {
        bits.push_deep();
    }
    // Some pixels.
    bits.push(0, 32);
    bits.bytes.resize(bits.bytes.len() + 100_000, 0);
    riff(&[chunk(b"VP8L", &bits.bytes)])
}

#[test]
fn a_webp_with_too_many_codes_is_stopped() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = |groups| {
        let bytes = bomb_of_codes(groups);
        let mut input = Metered::new(&bytes);
        let need = Size { width: 100, height: 100 };
        let header = probe(&mut input).unwrap();
        peak(|| decode(&mut input, &header, need).map(|decoded| decoded.frames.len()))
    };
    assert_eq!(answer(1).0, Ok(1));
    assert_eq!(answer(1000).0, Ok(1));
    let (result, measured) = answer(65_536);
    assert_eq!(result, Err(Fault::TooMuchMemory));
    assert!(measured < MEMORY_BYTES_MAX + (1 << 20), "{measured}");
}

#[expect(clippy::disallowed_methods, reason = "native only")]
fn now() -> Instant {
    Instant::now()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        // Headers are where most decisions are made.
        let bound = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(700) };
        let at = random.below(bound);
        match random.below(7) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6)],
            3 => bytes.truncate(at.max(12)),
            4 => {
                let end = (at + 1 + random.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + 1 + random.below(256)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                let end = (at + 4).min(bytes.len());
                let number = (random.next() as u32 >> random.below(32)).to_be_bytes();
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

#[test]
fn mutated_images_are_answered_within_bounds() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let setting =
        |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let count = setting("MUTATIONS").unwrap_or(2_000) as usize;
    let seeds = all();
    let mut random = Random(setting("SEED").unwrap_or(7));
    let (mut decoded, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    for round in 0..count {
        let (name, seed) = &seeds[round % seeds.len()];
        let mut bytes = seed.clone();
        mutate(&mut bytes, &mut random);
        if name.starts_with("png") && random.below(8) > 0 {
            repair_png(&mut bytes);
        }
        let need = Size { width: 1 + random.below(64) as u32, height: 1 + random.below(64) as u32 };
        let started = now();
        let mut input = Metered::new(&bytes);
        let (result, bytes_used) = peak(|| {
            let header = probe(&mut input)?;
            decode(&mut input, &header, need)
        });
        let elapsed = started.elapsed();
        // The length of a partition of lossy WebP has 24 bits, and is allocated before it is read.
        let lie = if name.starts_with("webp") { 1 << 24 } else { 0 };
        let bound = MEMORY_BYTES_MAX + lie + (1 << 20);
        assert!(bytes_used <= bound, "{name} {round}: {bytes_used} bytes");
        assert!(elapsed < Duration::from_secs(20), "{name} {round}: {elapsed:?}");
        slowest = slowest.max(elapsed);
        match result {
            Ok(_) => decoded += 1,
            Err(_) => refused += 1,
        }
    }
    println!("{decoded} decoded, {refused} refused, the slowest in {slowest:?}");
    assert!(decoded > count / 10 && refused > count / 10, "{decoded} and {refused}");
}
