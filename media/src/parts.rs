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
    /// [`RenderError::TooLarge`] if a part is; [`RenderError::BadPlan`] if a part is missing.
    pub fn of(plan: &Plan) -> Result<Self, RenderError> {
        let transformation = &plan.transformation;
        if plan.overlay_bytes.len() != transformation.overlays.len()
            || plan.font_bytes.is_some() != transformation.text.is_some()
        {
            return Err(RenderError::BadPlan);
        }
        let mut bytes = 0;
        let mut part = |length: u64, max: u64| {
            if length > max {
                return Err(RenderError::TooLarge);
            }
            let first = bytes;
            bytes += length;
            Ok(first..bytes)
        };
        let source = part(plan.source_bytes, SOURCE_BYTES_MAX)?;
        let overlays = plan.overlay_bytes.iter().map(|length| part(*length, PART_BYTES_MAX));
        let overlays = overlays.collect::<Result<_, _>>()?;
        let font = plan.font_bytes.map(|length| part(length, PART_BYTES_MAX)).transpose()?;
        Ok(Self { source, overlays, font, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSFORMATION: &str = r#"{"width":800,"height":null,"ratio":null,"fit":"max",
        "focus":{"point":{"x":500,"y":500}},"rect":null,"rotate":"0",
        "flip":{"horizontal":false,"vertical":false},"background":null,"blur":0,"sharpen":0,
        "format":{"format":"jpg"},"quality":null,"overlays":OVERLAYS,"text":TEXT}"#;
    const OVERLAY: &str =
        r#"{"path":"/a.png","align":{"x":"start","y":"end"},"width":null,"opacity":100}"#;
    const TEXT: &str = r#"{"value":"Anna","font":"/a.ttf","size":40,"bounds":null,
        "colour":{"red":0,"green":0,"blue":0,"alpha":255},"align":{"x":"middle","y":"middle"}}"#;

    fn parts(lengths: &str, overlays: usize, has_text: bool) -> Result<Parts, RenderError> {
        let overlays = vec![OVERLAY; overlays].join(",");
        let transformation = TRANSFORMATION
            .replace("OVERLAYS", &format!("[{overlays}]"))
            .replace("TEXT", if has_text { TEXT } else { "null" });
        let plan = format!("{{\"transformation\":{transformation},{lengths}}}");
        Parts::of(&serde_json::from_str(&plan).map_err(|_| RenderError::BadPlan)?)
    }

    #[test]
    fn parts_follow_each_other() {
        let lengths = r#""source_bytes":100,"overlay_bytes":[20,3],"font_bytes":4"#;
        let expected = Parts {
            source: 0..100,
            overlays: vec![100..120, 120..123],
            font: Some(123..127),
            bytes: 127,
        };
        assert_eq!(parts(lengths, 2, true), Ok(expected));
        let lengths = r#""source_bytes":0,"overlay_bytes":[],"font_bytes":null"#;
        let expected = Parts { source: 0..0, overlays: Vec::new(), font: None, bytes: 0 };
        assert_eq!(parts(lengths, 0, false), Ok(expected));
    }

    #[test]
    fn lengths_are_bounded() {
        let rows = [
            (SOURCE_BYTES_MAX, 0, 0, true),
            (SOURCE_BYTES_MAX + 1, 0, 0, false),
            (u64::MAX, 0, 0, false),
            (0, PART_BYTES_MAX, PART_BYTES_MAX, true),
            (0, PART_BYTES_MAX + 1, 0, false),
            (0, 0, PART_BYTES_MAX + 1, false),
        ];
        for (source, overlay, font, is_allowed) in rows {
            let lengths = format!(
                r#""source_bytes":{source},"overlay_bytes":[{overlay}],"font_bytes":{font}"#
            );
            let found = parts(&lengths, 1, true);
            let expected = if is_allowed { None } else { Some(RenderError::TooLarge) };
            assert_eq!(found.err(), expected, "{lengths}");
        }
    }

    #[test]
    fn a_plan_has_all_its_parts_and_no_others() {
        let rows = [
            (r#""source_bytes":1,"overlay_bytes":[],"font_bytes":null"#, 1, false),
            (r#""source_bytes":1,"overlay_bytes":[1],"font_bytes":null"#, 0, false),
            (r#""source_bytes":1,"overlay_bytes":[],"font_bytes":null"#, 0, true),
            (r#""source_bytes":1,"overlay_bytes":[],"font_bytes":1"#, 0, false),
            (r#""source_bytes":-1,"overlay_bytes":[],"font_bytes":null"#, 0, false),
            (r#""overlay_bytes":[],"font_bytes":null"#, 0, false),
        ];
        for (lengths, overlays, has_text) in rows {
            assert_eq!(parts(lengths, overlays, has_text), Err(RenderError::BadPlan), "{lengths}");
        }
    }
}
