//! What is not an image, is broken, or costs too much is refused, most of it before it is decoded.

mod samples;

use std::io::Cursor;

use jpeg_encoder::ColorType as JpegColour;
use png::{BitDepth, ColorType};
use samples::*;
use selvedge::site::media::plan::RenderError;
use selvedge_media::fault::Fault;
use selvedge_media::image::Size;
use selvedge_media::limits::{
    FRAMES_MAX, MEMORY_BYTES_MAX, PROFILE_BYTES_MAX, SCANS_MAX, SIDE_MAX,
};
use selvedge_media::probe::{Kind, probe, sniff};

fn kind(bytes: &[u8]) -> Result<Kind, Fault> {
    sniff(&mut Cursor::new(bytes))
}

fn fault(bytes: &[u8]) -> Option<Fault> {
    decode_to(bytes, FULL).err()
}

fn probe_fault(bytes: &[u8]) -> Option<Fault> {
    probe(&mut Cursor::new(bytes)).err()
}

#[test]
fn other_formats_are_unsupported() {
    let box_of = |brand: &[u8; 4]| [b"\0\0\0\x18ftyp", &brand[..], b"\0\0\0\0mif1"].concat();
    let others: [Vec<u8>; 22] = [
        vec![],
        vec![0xff],
        vec![0xff, 0xd8],
        b"\x89PNG\r\n\x1a".to_vec(),
        b"\x89PNG\n\x1a\n\0".to_vec(),
        b"GIF88a".to_vec(),
        b"GIF89".to_vec(),
        b"RIFF\0\0\0\0WEB".to_vec(),
        b"RIFF\0\0\0\0WAVEfmt ".to_vec(),
        box_of(b"heic"),
        box_of(b"avif"),
        b"II*\0\x08\0\0\0".to_vec(),
        b"MM\0*\0\0\0\x08".to_vec(),
        b"BM\x46\0\0\0".to_vec(),
        b"\0\0\x01\0\x01\0".to_vec(),
        b"\x1f\x8b\x08\0".to_vec(),
        b"\xff\x0a".to_vec(),
        b"<!doctype html><svg></svg>".to_vec(),
        b"<html><svg xmlns='http://www.w3.org/2000/svg'/></html>".to_vec(),
        b"%PDF-1.7 <svg>".to_vec(),
        // An image is told by its first bytes.
        [b" ".to_vec(), PROGRESSIVE.to_vec()].concat(),
        [b"alert(1)//".to_vec(), ANIMATED_GIF.to_vec()].concat(),
    ];
    for other in others {
        assert_eq!(kind(&other), Err(Fault::Unsupported), "{:?}", &other[..other.len().min(20)]);
        assert_eq!(probe_fault(&other), Some(Fault::Unsupported));
    }
}

#[test]
fn svg_is_told_by_its_root_element() {
    for svg in [
        "<svg>",
        "<svg/>",
        "\u{feff} \r\n<svg\txmlns='http://www.w3.org/2000/svg'>",
        "<?xml version='1.0'?>\n<!-- <html> -->\n<!-- b --><svg\n>",
        "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'svg11.dtd'><svg >",
        "<!DOCTYPE svg [<!ENTITY a 'b>'> ]><svg >",
    ] {
        assert_eq!(kind(svg.as_bytes()), Ok(Kind::Svg), "{svg}");
        assert_eq!(probe_fault(svg.as_bytes()), Some(Fault::Unsupported), "{svg}");
    }
    for other in [
        "<svgs>",
        "<svg",
        "<SVG>",
        "svg",
        "<g><svg>",
        "<!-- <svg>",
        "<?xml <svg>",
        "<!---><svg>",
        "<!DOCTYPE html><svg>",
        "<!DOCTYPE svg [<!ENTITY a 'b'> <svg>",
    ] {
        assert_eq!(kind(other.as_bytes()), Err(Fault::Unsupported), "{other}");
    }
}

#[test]
fn faults_are_answered_with_their_status() {
    for (fault, status) in [
        (Fault::Unsupported, 415),
        (Fault::Broken, 415),
        (Fault::TooManyPixels, 422),
        (Fault::TooManyFrames, 422),
        (Fault::TooManyScans, 422),
        (Fault::TooMuchMemory, 422),
    ] {
        assert_eq!(RenderError::from(fault).status(), status);
    }
}

/// The position of a JPEG's frame header.
fn frame_header(jpeg: &[u8]) -> usize {
    jpeg.windows(2).position(|marker| matches!(marker, [0xff, 0xc0..=0xc2])).unwrap()
}

fn with_size(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let at = frame_header(jpeg) + 5;
    bytes[at..at + 2].copy_from_slice(&height.to_be_bytes());
    bytes[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn declared_sizes_are_bounded_on_both_sides() {
    let side = SIDE_MAX as u16;
    let jpeg = JpegSample::default().rgb();
    let png = rgb_png(SIZE, &pixels::<3>(SIZE));
    let png_of = |width: u32, height: u32| {
        let mut bytes = png.clone();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        repair_png(&mut bytes);
        bytes
    };
    let gif_of = |width: u16, height: u16| {
        let mut bytes = ANIMATED_GIF.to_vec();
        bytes[6..8].copy_from_slice(&width.to_le_bytes());
        bytes[8..10].copy_from_slice(&height.to_le_bytes());
        bytes
    };
    for (width, height, expected) in [
        (side, 1, None),
        (1, side, None),
        (side + 1, 1, Some(Fault::TooManyPixels)),
        (1, side + 1, Some(Fault::TooManyPixels)),
        (10_000, 10_000, None),
        (10_000, 10_001, Some(Fault::TooManyPixels)),
        (u16::MAX, u16::MAX, Some(Fault::TooManyPixels)),
    ] {
        assert_eq!(
            probe_fault(&with_size(&jpeg, width, height)),
            expected,
            "JPEG {width} {height}"
        );
        assert_eq!(
            probe_fault(&png_of(width.into(), height.into())),
            expected,
            "PNG {width} {height}"
        );
        let still = gif(SIZE, None, &[gif_frame((0, 0), (1, 1), vec![0])]);
        let mut still = still;
        still[6..8].copy_from_slice(&width.to_le_bytes());
        still[8..10].copy_from_slice(&height.to_le_bytes());
        assert_eq!(probe_fault(&still), expected, "GIF {width} {height}");
    }
    assert_eq!(probe_fault(&png_of(u32::MAX, u32::MAX)), Some(Fault::TooManyPixels));
    assert_eq!(probe_fault(&png_of(0, 9)), Some(Fault::Broken));
    assert_eq!(probe_fault(&gif_of(0, 9)), Some(Fault::Broken));
    assert_eq!(probe_fault(&with_size(&jpeg, 0, 9)), Some(Fault::Broken));
    // The height follows the first scan.
    assert_eq!(probe_fault(&with_size(&jpeg, 9, 0)), Some(Fault::Unsupported));
    // WebP has 14 bits for a side, but 24 for one of the canvas.
    let huge = Size { width: 1 << 24, height: 1 << 24 };
    assert_eq!(probe_fault(&extended_webp(0, huge, &[], LOSSY, &[])), Some(Fault::TooManyPixels));
    // A canvas that its picture is not as large as.
    let other = Size { width: 38, height: 29 };
    assert_eq!(probe_fault(&extended_webp(0, other, &[], LOSSY, &[])), Some(Fault::Broken));
}

#[test]
fn a_picture_larger_than_its_webp_frame_is_not_decoded() {
    let large = Size { width: 16_000, height: 5_000 };
    let mut lossy = LOSSY.to_vec();
    lossy[26..28].copy_from_slice(&(large.width as u16).to_le_bytes());
    lossy[28..30].copy_from_slice(&(large.height as u16).to_le_bytes());
    let frame = anmf((0, 0), SIZE, 9, 0, &lossy);
    let file = riff(&[vp8x(2, SIZE), chunk(b"ANIM", &[0; 6]), frame]);
    assert_eq!(probe_fault(&file), Some(Fault::Broken));
    assert_eq!(probe_fault(&extended_webp(0, SIZE, &[], &lossy, &[])), Some(Fault::Broken));
    // Outside the canvas.
    for at in [(2, 0), (0, 2), (1 << 24, 0)] {
        let frame = anmf(at, SIZE, 9, 0, LOSSY);
        let file = riff(&[vp8x(2, SIZE), chunk(b"ANIM", &[0; 6]), frame]);
        assert_eq!(probe_fault(&file), Some(Fault::Broken), "{at:?}");
    }
}

#[test]
fn large_images_are_refused_if_they_need_too_much_memory() {
    let jpeg = JpegSample::default().rgb();
    let small = Size { width: 800, height: 600 };
    let cost = |bytes: &[u8], need| probe(&mut Cursor::new(bytes)).unwrap().memory_bytes(need);
    // 24 MP are shrunk on the way; at full size they would be 144 MB.
    let large = with_size(&jpeg, 6000, 4000);
    assert!(cost(&large, small).unwrap() < 24 << 20);
    // What is needed does not fit, half of it does.
    let half = cost(&large, Size { width: 3840, height: 2560 }).unwrap();
    assert!(half <= MEMORY_BYTES_MAX && half > 20 << 20, "{half}");
    // 100 MP at 1/4 of their size fit, at 1/2 they do not.
    let huge = with_size(&jpeg, 10_000, 10_000);
    assert!(cost(&huge, small).is_ok());
    assert_eq!(cost(&huge, Size { width: 5001, height: 5001 }), Err(Fault::TooMuchMemory));
    // Progressive files keep all coefficients: 24 MP of 4:4:4.
    let progressive = JpegSample { scans: Some(6), ..JpegSample::default() }.rgb();
    assert_eq!(cost(&with_size(&progressive, 6000, 4000), small), Err(Fault::TooMuchMemory));
    assert!(cost(&with_size(&progressive, 4000, 3000), small).is_ok());
    let subsampled = JpegSample {
        scans: Some(6),
        sampling: jpeg_encoder::SamplingFactor::F_2_2,
        ..JpegSample::default()
    };
    assert!(cost(&with_size(&subsampled.rgb(), 6000, 4000), small).is_ok());
    let two_scans = JpegSample { scans: Some(2), ..JpegSample::default() }.rgb();
    assert_eq!(fault(&with_size(&two_scans, 9000, 9000)), Some(Fault::TooMuchMemory));
    // An interlaced PNG is decoded as a whole.
    let mut interlaced = INTERLACED.to_vec();
    interlaced[16..20].copy_from_slice(&6000_u32.to_be_bytes());
    interlaced[20..24].copy_from_slice(&4000_u32.to_be_bytes());
    repair_png(&mut interlaced);
    assert_eq!(cost(&interlaced, small), Err(Fault::TooMuchMemory));
}

#[test]
fn too_many_scans_are_refused() {
    let sample = |scans| JpegSample { scans: Some(scans), ..JpegSample::default() }.rgb();
    let most = sample(20);
    assert_eq!(probe_fault(&most), None);
    let repeated = |jpeg: &[u8], times: usize| {
        // From the last scan to the end of the image.
        let last = jpeg.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
        let (start, scan) = (&jpeg[..last], &jpeg[last..jpeg.len() - 2]);
        [start.to_vec(), scan.repeat(times), vec![0xff, 0xd9]].concat()
    };
    let count = most.windows(2).filter(|marker| **marker == [0xff, 0xda]).count();
    let few = SCANS_MAX as usize - count + 1;
    assert_eq!(probe_fault(&repeated(&most, few)), None);
    assert_eq!(probe_fault(&repeated(&most, few + 1)), Some(Fault::TooManyScans));
    assert_eq!(fault(&repeated(&most, 100_000)), Some(Fault::TooManyScans));
    // 24 MP may have fewer.
    assert_eq!(probe_fault(&with_size(&sample(8), 6000, 4000)), None);
    assert_eq!(probe_fault(&with_size(&most, 6000, 4000)), Some(Fault::TooManyScans));
    // A sequential image has a scan for each component at most.
    let baseline = JpegSample::default().rgb();
    assert_eq!(probe_fault(&repeated(&baseline, 3)), None);
    assert_eq!(probe_fault(&repeated(&baseline, 4)), Some(Fault::TooManyScans));
    let gray = JpegSample::default().encode(&pixels::<1>(SIZE), JpegColour::Luma);
    assert_eq!(probe_fault(&repeated(&gray, 2)), Some(Fault::TooManyScans));
}

#[test]
fn rare_kinds_of_jpeg_are_unsupported() {
    let jpeg = JpegSample::default().rgb();
    let at = frame_header(&jpeg);
    for marker in [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        let mut rare = jpeg.clone();
        rare[at + 1] = marker;
        assert_eq!(probe_fault(&rare), Some(Fault::Unsupported), "{marker:x}");
    }
    let mut deep = jpeg.clone();
    deep[at + 4] = 12;
    assert_eq!(probe_fault(&deep), Some(Fault::Unsupported));
    for count in [0, 2, 5, 255] {
        let mut odd = jpeg.clone();
        odd[at + 9] = count;
        assert_eq!(probe_fault(&odd), Some(Fault::Unsupported), "{count} components");
    }
    for factors in [0x00, 0x01, 0x10, 0x51, 0x15] {
        let mut odd = jpeg.clone();
        odd[at + 11] = factors;
        assert_eq!(probe_fault(&odd), Some(Fault::Broken), "{factors:x}");
    }
}

#[test]
fn animations_are_bounded() {
    let of = |size: (u16, u16), count: usize| {
        let frame = gif_frame((0, 0), (1, 1), vec![1]);
        let size = Size { width: size.0.into(), height: size.1.into() };
        gif(size, None, &vec![frame; count])
    };
    assert_eq!(probe_fault(&of((1, 1), FRAMES_MAX)), None);
    assert_eq!(probe_fault(&of((1, 1), FRAMES_MAX + 1)), Some(Fault::TooManyFrames));
    assert_eq!(probe_fault(&of((1000, 1000), 50)), None);
    assert_eq!(probe_fault(&of((1000, 1001), 50)), Some(Fault::TooManyPixels));
    assert_eq!(probe_fault(&of((9000, 9000), 1)), None);
    let webp = |count| {
        let frame = anmf((0, 0), SIZE, 1, 0, LOSSY);
        riff(&[vec![vp8x(2, SIZE), chunk(b"ANIM", &[0; 6])], vec![frame; count]].concat())
    };
    assert_eq!(probe_fault(&webp(FRAMES_MAX)), None);
    assert_eq!(probe_fault(&webp(FRAMES_MAX + 1)), Some(Fault::TooManyFrames));
    let large = Size { width: 5000, height: 5000 };
    let animation = |count| {
        let frame = anmf((0, 0), SIZE, 1, 0, LOSSY);
        riff(&[vec![vp8x(2, large), chunk(b"ANIM", &[0; 6])], vec![frame; count]].concat())
    };
    assert_eq!(probe_fault(&animation(2)), None);
    assert_eq!(probe_fault(&animation(3)), Some(Fault::TooManyPixels));
    // All frames of 50 MP do not fit into memory, but at half their size they do.
    let decoded = decode_to(&of((1000, 1000), 50), FULL).unwrap();
    assert_eq!((decoded.frames.len(), decoded.frames[0].image.width), (50, 500));
    // A frame larger than its canvas.
    let mut frame = of((1, 1), 1);
    let at = frame.iter().rposition(|byte| *byte == b',').unwrap();
    frame[at + 5..at + 9].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    assert_eq!(probe_fault(&frame), Some(Fault::TooManyPixels));
}

#[test]
fn compressed_metadata_can_be_bombs() {
    // 1,032 bytes of zeros for one byte, as far as deflate goes.
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..200 {
            encoder.write_all(&[0; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap()
    };
    let rows = pixels::<3>(SIZE);
    let rgb = (ColorType::Rgb, BitDepth::Eight);
    let profile = [b"p\0\0".to_vec(), bomb.clone()].concat();
    let text = [b"Comment\0\0".to_vec(), bomb.clone()].concat();
    let international = [b"Comment\0\x01\0\0\0".to_vec(), bomb].concat();
    for (kind, content) in [(b"iCCP", profile), (b"zTXt", text), (b"iTXt", international)] {
        let file = png(SIZE, rgb, &rows, |_| {}, &[(kind, content)]);
        assert_eq!(still(&file).pixels, rows, "{kind:?}");
    }
    // Metadata of many megabytes, as some editors write them.
    let file = png(
        SIZE,
        rgb,
        &rows,
        |_| {},
        &[(b"iTXt", vec![b'x'; 9 << 20]), (b"tEXt", vec![b'x'; 9 << 20])],
    );
    assert_eq!(still(&file).pixels, rows);
    // Profiles that are too large, without compression.
    let large = vec![0; PROFILE_BYTES_MAX as usize + 1];
    assert_eq!(still(&png(SIZE, rgb, &rows, |_| {}, &[(b"iCCP", iccp(&large))])).pixels, rows);
    let lossless = webp(SIZE, &rows, image_webp::ColorType::Rgb8);
    let file = extended_webp(0x20, SIZE, &[chunk(b"ICCP", &large)], &lossless, &[]);
    assert_eq!(still(&file).pixels, rows);
    let jpeg = JpegSample { profile: large, ..JpegSample::default() };
    assert_eq!(fault(&jpeg.rgb()), Some(Fault::TooMuchMemory));
}

#[test]
fn truncated_files_are_answered() {
    for (name, bytes) in all() {
        for part in 0..50 {
            let length = bytes.len() * part / 50;
            match decode_to(&bytes[..length], FULL) {
                Err(fault) => {
                    assert!(matches!(fault, Fault::Broken | Fault::Unsupported), "{name}")
                }
                // Nothing but the end is missing, or whole frames are.
                Ok(decoded) => {
                    let whole = decode_to(&bytes, FULL).unwrap();
                    assert!(whole.frames.starts_with(&decoded.frames), "{name}, {length} bytes");
                    assert!(decoded.frames.len() < whole.frames.len() || length + 24 > bytes.len());
                }
            }
        }
    }
}

#[test]
fn wrong_checksums_of_pixels_are_refused() {
    let rows = pixels::<3>(SIZE);
    let good = rgb_png(SIZE, &rows);
    let data = good.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(good[data - 4..data].try_into().unwrap()) as usize;
    let mut bad = good.clone();
    bad[data + 4 + length] ^= 1;
    assert_eq!(fault(&bad), Some(Fault::Broken));
    let mut header = good;
    header[29] ^= 1;
    assert_eq!(fault(&header), Some(Fault::Broken));
    // Of metadata they do not matter.
    let chunks = [(b"tEXt", b"a\0b".to_vec()), (b"gAMA", vec![0; 4])];
    let mut metadata = png(SIZE, (ColorType::Rgb, BitDepth::Eight), &rows, |_| {}, &chunks);
    for kind in [b"tEXt", b"gAMA"] {
        let at = metadata.windows(4).position(|bytes| bytes == kind).unwrap();
        metadata[at + 4 + if kind == b"tEXt" { 3 } else { 4 }] ^= 1;
    }
    assert_eq!(still(&metadata).pixels, rows);
}

#[test]
fn polyglots_are_images_or_nothing() {
    let html = b"<html><script>alert(1)</script></html>";
    let jpeg = JpegSample::default().rgb();
    let with_comment =
        [&jpeg[..2], &[0xff, 0xfe, 0, html.len() as u8 + 2], html, &jpeg[2..]].concat();
    assert_eq!(still(&with_comment), still(&jpeg));
    let with_tail = |bytes: &[u8]| [bytes, html, b"PK\x03\x04"].concat();
    for (name, bytes) in all() {
        let expected = decode_to(&bytes, FULL).unwrap();
        assert_eq!(decode_to(&with_tail(&bytes), FULL), Ok(expected), "{name}");
    }
}

#[test]
fn cycles_and_lies_in_exif_are_harmless() {
    let offsets = [0, 2, 8, 26, 0x7fff_ffff, u32::MAX];
    for offset in offsets {
        for next in offsets {
            let mut lie = exif(6);
            lie[4..8].copy_from_slice(&offset.to_le_bytes());
            lie[22..26].copy_from_slice(&next.to_le_bytes());
            lie.extend(next.to_le_bytes());
            let image = still(&JpegSample { exif: lie, ..JpegSample::default() }.rgb());
            let is_turned = offset == 8;
            assert_eq!(image.width, if is_turned { HEIGHT } else { WIDTH }, "{offset} {next}");
        }
    }
}
