//! Header fields as they cross between wasm and JavaScript: a line for each name and each value.
//!
//! Not a message: a block has no status and no end. The invariant is that neither a name nor a
//! value holds a line feed, which no runtime lets through.

use crate::wire::fields::Fields;

/// Appends the lines of some fields to a block.
pub fn write(fields: &Fields, block: &mut String) {
    for (name, value) in fields.iter() {
        block.push_str(name);
        block.push('\n');
        block.push_str(value);
        block.push('\n');
    }
}

/// The fields of a block.
pub fn fields(block: &str) -> Fields {
    let mut fields = Fields::with_capacity(24);
    let mut lines = block.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        fields.append(name.to_owned(), value.to_owned());
    }
    fields
}
