//! Bounds on what is decoded. They are checked before the first pixel, against an estimate.

/// Most linear memory that decoding may take: an isolate has 128 MB, and the runtime, the resized
/// image and the encoder need theirs.
pub const MEMORY_BYTES_MAX: u64 = 80 * 1024 * 1024;
/// Longest side of a source: that of WebP, and more than cameras and screens have.
pub const SIDE_MAX: u32 = 16_383;
/// Most pixels of a source. Decoding 100 MP of JPEG takes about half a second.
pub const PIXELS_MAX: u64 = 100_000_000;
/// Most pixels of all frames of an animation: each frame is as large as the animation.
pub const ANIMATION_PIXELS_MAX: u64 = 50_000_000;
/// Most frames of an animation: more than a minute at 25 frames per second.
pub const FRAMES_MAX: usize = 2_000;
/// Most scans of a progressive JPEG. Encoders write about ten.
pub const SCANS_MAX: u32 = 64;
/// Most pixels of all scans of a progressive JPEG: 24 MP in 33 scans, or 12 MP in 64. A scan of a
/// few bytes can visit every coefficient.
pub const SCANNED_PIXELS_MAX: u64 = 800_000_000;
/// Largest colour profile in bytes. CMYK profiles have up to 2.5 MB.
pub const PROFILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Largest EXIF block that is read: that of a JPEG segment.
pub const EXIF_BYTES_MAX: u64 = 64 * 1024;
