//! Types of the core as serde sees them, for what the command line reads and prints.
//!
//! Not a second form of them: each is read and written as [`crate::site::json`] does it, so that
//! the two can't differ.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::site::ban::BanScope;
use crate::site::ids::{ContentHash, DeploymentId, SiteName, StageName};
use crate::site::json;
use crate::site::record::Scope;

macro_rules! as_json {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = json::written(self);
                let value: serde_json::Value =
                    serde_json::from_str(&text).map_err(serde::ser::Error::custom)?;
                value.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                json::read(value.to_string().as_bytes()).map_err(D::Error::custom)
            }
        }
    )+};
}

as_json!(BanScope, ContentHash, DeploymentId, Scope, SiteName, StageName);
