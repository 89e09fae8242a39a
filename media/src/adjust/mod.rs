//! Changes to a resized image: turning, blur, sharpening, background; and the focus of a crop.

pub mod background;
pub mod blur;
pub mod focus;
pub mod sharpen;
pub mod turn;
