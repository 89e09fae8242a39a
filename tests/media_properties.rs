//! URLs of renditions: parsing is total, the canonical form is one to one, and unsigned URLs stay
//! within the site's lists.
//!
//! `PROPTEST_CASES` sets the number of inputs of each property.
#![cfg(not(target_arch = "wasm32"))]

use std::sync::LazyLock;

use proptest::collection::SizeRange;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use selvedge::site::media::address::address;
use selvedge::site::media::check::check;
use selvedge::site::media::config::{Adapter, MediaConfig, Preset, Slot};
use selvedge::site::media::grammar::{Authority, MediaRequest, parse, parse_canonical};
use selvedge::site::media::signature::SigningKey;
use selvedge::site::media::transformation::{
    Align, Along, Colour, Fit, Flip, Focus, Format, Overlay, Ratio, Rect, Rotation, SIDE_MAX, Text,
    Transformation, Wanted,
};
use selvedge::site::media::value::common_divisor;

fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig { cases: if is_set { default.cases } else { count }, ..default }
}

static CONFIG: LazyLock<MediaConfig> = LazyLock::new(|| {
    let adapters = vec![Adapter::Netlify, Adapter::Next, Adapter::Vercel];
    let mut config = MediaConfig { adapters, ..MediaConfig::default() };
    let query = "bg=80ffffff&fit=crop&h=300&mark=%2Fa.png&mark-w=40&q=90&txt=name\
                 &txt-box=1%2C2%2C300%2C40&txt-font=%2Ff.ttf&txt-size=30&w=400";
    let slot = Some(Slot { name: "name".to_owned(), chars_max: 9 });
    config.presets.insert("mug".to_owned(), Preset { query: query.to_owned(), slot });
    check(&config).unwrap();
    config
});

/// The `Accept` header of a client that reads the formats of a transformation.
fn accept(made: &Transformation) -> String {
    let Wanted::Auto { avif, webp } = made.format else { return "image/avif,image/webp".into() };
    let named = [("image/avif", avif), ("image/webp", webp), ("image/*", true)];
    named
        .into_iter()
        .filter(|(_, is_read)| *is_read)
        .map(|(name, _)| name)
        .collect::<Vec<_>>()
        .join(",")
}

fn signed(query: &str, accept: &str) -> Transformation {
    parse(query, &CONFIG, Some(accept), Authority::Signed).unwrap().transformation
}

fn side() -> impl Strategy<Value = u16> {
    prop_oneof![1..=SIDE_MAX, select(vec![1, 2, SIDE_MAX])]
}

/// A size, and the ways to fit it that make a difference.
fn sized() -> impl Strategy<Value = Transformation> {
    let fits = vec![Fit::Max, Fit::Clip, Fit::Crop, Fit::Fill, Fit::Scale, Fit::Min];
    let point = (0..=1000_u16, 0..=1000_u16).prop_map(|(x, y)| Focus::Point { x, y });
    let focus = prop_oneof![point, Just(Focus::Entropy), Just(Focus::default())];
    let ratio = (1..=u16::MAX, 1..=u16::MAX).prop_map(|(width, height)| {
        let divisor = u16::try_from(common_divisor(width.into(), height.into())).unwrap();
        Ratio { width: width / divisor, height: height / divisor }
    });
    let size = prop_oneof![
        Just((None, None, None)),
        side().prop_map(|width| (Some(width), None, None)),
        side().prop_map(|height| (None, Some(height), None)),
        (side(), side()).prop_map(|(width, height)| (Some(width), Some(height), None)),
        ratio.prop_map(|ratio| (None, None, Some(ratio))),
    ];
    (size, select(fits), focus).prop_map(|((width, height, ratio), fit, focus)| {
        let has_box = ratio.is_some() || width.is_some() && height.is_some();
        let has_side = width.is_some() || height.is_some();
        let fit = match fit {
            fit if has_box => fit,
            Fit::Clip if has_side => Fit::Clip,
            _ => Fit::Max,
        };
        let is_cut = matches!(fit, Fit::Crop | Fit::Min);
        let focus = if is_cut { focus } else { Focus::default() };
        Transformation { width, height, ratio, fit, focus, ..Transformation::default() }
    })
}

fn rect() -> impl Strategy<Value = Rect> {
    (0..=SIDE_MAX, 0..=SIDE_MAX, side(), side()).prop_map(|(x, y, width, height)| Rect {
        x,
        y,
        width,
        height,
    })
}

fn colour() -> impl Strategy<Value = Colour> {
    any::<[u8; 4]>().prop_map(|[red, green, blue, alpha]| Colour { red, green, blue, alpha })
}

fn align() -> impl Strategy<Value = Align> {
    let along = || select(vec![Along::Start, Along::Middle, Along::End]);
    (along(), along()).prop_map(|(x, y)| Align { x, y })
}

fn letters(letters: &'static str, count: SizeRange) -> impl Strategy<Value = String> {
    let letters: Vec<char> = letters.chars().collect();
    prop::collection::vec(select(letters), count).prop_map(String::from_iter)
}

fn path() -> impl Strategy<Value = String> {
    let name = || letters("abz09 é%+&=#?;,:.~-_\"'<>", (1..20).into());
    (name(), name()).prop_map(|(folder, file)| format!("/a{folder}/{file}z"))
}

fn overlays() -> impl Strategy<Value = Vec<Overlay>> {
    let overlay = (path(), align(), prop::option::of(side()), 0..=100_u8)
        .prop_map(|(path, align, width, opacity)| Overlay { path, align, width, opacity });
    prop::collection::vec(overlay, 0..=4)
}

fn text() -> impl Strategy<Value = Text> {
    let value = letters("Aa 0é&=+%<>\u{202e}\u{1f600}", (1..=200).into());
    (value, path(), side(), colour(), prop::option::of(rect()), align()).prop_map(
        |(value, font, size, colour, bounds, align)| Text {
            value,
            font,
            size,
            colour,
            bounds,
            align,
        },
    )
}

fn format() -> impl Strategy<Value = (Wanted, Option<u8>)> {
    let formats = vec![
        (Format::Avif, 50),
        (Format::Webp, 75),
        (Format::Jpg, 75),
        (Format::Png, 0),
        (Format::Gif, 0),
        (Format::Thumbhash, 0),
        (Format::Json, 0),
    ];
    let auto = any::<(bool, bool)>().prop_map(|(avif, webp)| (Wanted::Auto { avif, webp }, 75));
    let one = select(formats).prop_map(|(format, default)| (Wanted::Format(format), default));
    let wanted = prop_oneof![auto, one];
    (wanted, prop::option::of(1..=20_u8)).prop_map(|((wanted, default), steps)| {
        let quality = steps.map(|steps| steps * 5);
        (wanted, quality.filter(|quality| default > 0 && *quality != default))
    })
}

fn transformation() -> impl Strategy<Value = Transformation> {
    let rotations =
        vec![Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters];
    let flip =
        any::<(bool, bool)>().prop_map(|(horizontal, vertical)| Flip { horizontal, vertical });
    let looks = (
        prop::option::of(rect()),
        select(rotations),
        flip,
        prop::option::of(colour()),
        0..=2000_u16,
        0..=100_u8,
    );
    (sized(), looks, format(), overlays(), prop::option::of(text())).prop_map(
        |(sized, looks, (format, quality), overlays, text)| {
            let (rect, rotate, flip, background, blur, sharpen) = looks;
            Transformation {
                rect,
                rotate,
                flip,
                background,
                blur,
                sharpen,
                format,
                quality,
                overlays,
                text,
                ..sized
            }
        },
    )
}

/// Queries of known parameters with values that are often right, and of noise.
fn query() -> impl Strategy<Value = String> {
    let names = "w h dpr ar fit crop fp-x fp-y rect rot flip bg blur sharp fm auto q txt txt-align \
                 txt-box txt-color txt-font txt-size p v s exp mark mark-align mark-w mark-alpha \
                 mark2 mark4-w mark5 name url position utm $mug$";
    let values = "1 2 640 641 4096 4097 0 -1 1.5 0.25 16:9 1:1 3:7 max crop cover min fill entropy \
                  top,left focalpoint 1,2,3,4 90 h hv fff 80ffffff avif json jpeg format mug \
                  /a.png //a /%2e%2e/a %00 %ff é +  65536 99999999999999999999 https://a.test";
    let words = |words: &'static str| select(words.split(' ').collect::<Vec<_>>());
    let pair = prop_oneof![
        8 => (words(names), words(values)).prop_map(|(name, value)| format!("{name}={value}")),
        1 => prop::collection::vec(any::<u8>(), 0..16)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ];
    prop::collection::vec(pair, 0..8).prop_map(|pairs| pairs.join("&"))
}

fn check_request(query: &str, request: &MediaRequest, authority: Authority) {
    let made = &request.transformation;
    let canonical = made.canonical();
    assert_eq!(signed(&canonical, &accept(made)), *made, "{query} {canonical}");
    assert_eq!(parse_canonical(&canonical).as_ref(), Some(made), "{query} {canonical}");
    assert!(made.width.is_none_or(|side| (1..=SIDE_MAX).contains(&side)), "{query}");
    assert!(made.height.is_none_or(|side| (1..=SIDE_MAX).contains(&side)), "{query}");
    if authority == Authority::Signed || request.has_preset {
        return;
    }
    let plain = Transformation {
        width: made.width,
        height: made.height,
        ratio: made.ratio,
        fit: made.fit,
        focus: made.focus,
        format: made.format,
        ..Transformation::default()
    };
    assert_eq!(*made, plain, "{query}");
    let is_listed = |side: u16| CONFIG.widths.contains(&side);
    assert!(made.width.or(made.height).is_none_or(is_listed), "{query}");
    if let Focus::Point { x, y } = made.focus {
        assert!(x % 250 == 0 && y % 250 == 0, "{query}");
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn the_canonical_form_is_one_to_one(made in transformation()) {
        let canonical = made.canonical();
        prop_assert_eq!(parse_canonical(&canonical), Some(made.clone()), "{}", canonical);
        prop_assert_eq!(signed(&canonical, &accept(&made)), made, "{}", canonical);
    }

    #[test]
    fn the_order_of_parameters_is_irrelevant(
        made in transformation(),
        order in any::<[Index; 8]>(),
    ) {
        let canonical = made.canonical();
        let mut pairs: Vec<&str> = canonical.split('&').collect();
        for (at, index) in order.iter().enumerate() {
            let count = pairs.len();
            pairs.swap(at % count, index.index(count));
        }
        pairs.push("utm_source=x");
        // Earlier values of the same parameters do not count.
        let earlier = canonical.split('&').filter_map(|pair| pair.split_once('='));
        let earlier: Vec<String> = earlier.map(|(name, _)| format!("{name}=%00")).collect();
        let query = format!("{}&{}", earlier.join("&"), pairs.join("&"));
        prop_assert_eq!(signed(&query, &accept(&made)), made, "{}", query);
    }
}

proptest! {
    #![proptest_config(cases(12_000))]

    #[test]
    fn parsing_is_total(query in query(), accept in prop::option::of(letters("imagewbpvf/,;=q01*. ", (0..30).into()))) {
        for authority in [Authority::Anyone, Authority::Signed] {
            if let Ok(request) = parse(&query, &CONFIG, accept.as_deref(), authority) {
                check_request(&query, &request, authority);
            }
        }
        for path in ["/_media/a.jpg", "/_next/image", "/.netlify/images", "/_vercel/image"] {
            if let Ok(address) = address(path, &query, &CONFIG).unwrap() {
                prop_assert!(address.source.starts_with('/') && !address.source.starts_with("//"));
                let _ = parse(&address.query, &CONFIG, None, Authority::Anyone);
            }
        }
        let key = SigningKey::parse(&"A".repeat(43)).unwrap();
        prop_assert_eq!(key.sign("a", "/a", &query), key.sign("a", "/a", &format!("s=x&{query}")));
    }
}
