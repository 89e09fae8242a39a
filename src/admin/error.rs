//! What the admin API refuses, and what it says then.
//!
//! Not what serving answers. Every error has a code for machines, a message that names what was
//! wrong, and a hint that says what to do.

use std::fmt;

use http::Method;
use serde::Serialize;

use crate::cache::tiers::Unavailable;
use crate::ports::settings::StoreKind;
use crate::ports::{BodyFault, Fault};
use crate::site::action::Upstream;
use crate::site::codec::{self, DecodeError};
use crate::site::collection::CollectionError;
use crate::site::deployment::manifest::ManifestError;
use crate::site::ids::{ContentHash, DeploymentId, NameError, StageName};
use crate::site::records::live::LiveRecord;
use crate::wire::time::UnixMillis;

/// Why a call was refused.
#[derive(Debug)]
pub enum AdminError {
    /// No token, or none that opens anything.
    Unauthorized,
    /// A token that does not open this.
    Forbidden,
    /// There is no such thing; what it would have been.
    NotFound(&'static str),
    /// The call has other methods.
    MethodNotAllowed(&'static [Method]),
    /// A name breaks its grammar.
    Name(NameError),
    /// A name of a collection or an object breaks its grammar.
    Object(CollectionError),
    /// The body is not the JSON that it should be; the place is in the text.
    Json(DecodeError),
    /// A value in the body is wrong, and what to write instead.
    Invalid(&'static str, &'static str),
    /// Something of this name exists and is another's.
    Exists(&'static str),
    /// Somebody else changed the stage first.
    LostRace(Option<Box<LiveRecord>>),
    /// An object is not what the call says that it must be; its entity tag, where there is one.
    PreconditionFailed(Option<String>),
    /// Stages serve the deployment that is to be forgotten.
    StillLive(Vec<StageName>),
    /// The site is being deleted.
    BeingDeleted,
    /// The site that is to be deleted is the base domain's.
    DefaultSite,
    /// There is nothing to roll back to.
    NothingToRollBack,
    /// The body is too large, and the limit in bytes.
    TooLarge(u64),
    /// An object is larger than the store takes at once.
    ObjectTooLarge(StoreKind),
    /// The body did not come in whole.
    BodyBroken,
    /// The bytes are not what they are said to be; which of them.
    HashMismatch(usize, ContentHash),
    /// The deployment names blobs that are not stored.
    MissingBlobs(Vec<ContentHash>),
    /// The manifest is broken.
    Manifest(ManifestError),
    /// The manifest is another deployment's.
    OtherDeployment(DeploymentId),
    /// The operator does not allow an upstream that the deployment's actions name.
    UpstreamNotAllowed(Upstream),
    /// The store did not take a write.
    NotStored(Fault),
    /// The store failed.
    Unavailable(Fault),
}

#[derive(Serialize)]
struct Body<'a> {
    error: Described<'a>,
}

#[derive(Serialize)]
struct Described<'a> {
    code: &'static str,
    message: String,
    hint: &'static str,
    #[serde(flatten)]
    detail: Option<Detail<'a>>,
}

/// The member that an error has beside those of all errors.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Detail<'a> {
    Winner { deployment: &'a DeploymentId, seq: u64, by: &'a str, activated_ms: UnixMillis },
    Missing(&'a [ContentHash]),
    Stages(&'a [StageName]),
    Etag(Option<&'a str>),
}

impl AdminError {
    /// A failed write. A store that is full refuses it, or never answers; one that is busy or not
    /// bound says so itself.
    pub fn of_write(fault: Fault) -> Self {
        match fault {
            Fault::Failed | Fault::TimedOut => Self::NotStored(fault),
            Fault::Busy | Fault::Missing => Self::Unavailable(fault),
        }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::Json(_) | Self::Name(_) | Self::Object(_) | Self::BodyBroken => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::Exists(_)
            | Self::LostRace(_)
            | Self::StillLive(_)
            | Self::BeingDeleted
            | Self::DefaultSite
            | Self::NothingToRollBack
            | Self::MissingBlobs(_) => 409,
            Self::PreconditionFailed(_) => 412,
            Self::TooLarge(_) | Self::ObjectTooLarge(_) => 413,
            Self::Invalid(..)
            | Self::HashMismatch(..)
            | Self::Manifest(_)
            | Self::OtherDeployment(_)
            | Self::UpstreamNotAllowed(_) => 422,
            Self::NotStored(_) | Self::Unavailable(_) => 503,
        }
    }

    /// Returns the error as JSON.
    pub fn body(&self) -> String {
        let (code, message, hint) = (self.code(), self.to_string(), self.hint());
        let detail = self.detail();
        codec::encode(&Body { error: Described { code, message, hint, detail } })
    }

    fn detail(&self) -> Option<Detail<'_>> {
        Some(match self {
            Self::LostRace(Some(winner)) => Detail::Winner {
                deployment: &winner.deployment,
                seq: winner.seq,
                by: &winner.by,
                activated_ms: winner.activated_ms,
            },
            Self::MissingBlobs(hashes) => Detail::Missing(hashes),
            Self::StillLive(stages) => Detail::Stages(stages),
            Self::PreconditionFailed(etag) => Detail::Etag(etag.as_deref()),
            _ => return None,
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::Name(_) | Self::Object(_) | Self::Json(_) | Self::BodyBroken => "bad-request",
            Self::Invalid(..) | Self::Manifest(_) | Self::OtherDeployment(_) => "invalid",
            Self::Exists(_) => "exists",
            Self::LostRace(_) => "lost-race",
            Self::StillLive(_) => "still-live",
            Self::BeingDeleted => "being-deleted",
            Self::DefaultSite => "default-site",
            Self::NothingToRollBack => "nothing-to-roll-back",
            Self::PreconditionFailed(_) => "precondition-failed",
            Self::TooLarge(_) | Self::ObjectTooLarge(_) => "too-large",
            Self::HashMismatch(..) => "hash-mismatch",
            Self::MissingBlobs(_) => "missing-blobs",
            Self::UpstreamNotAllowed(_) => "upstream-not-allowed",
            Self::NotStored(_) => "not-stored",
            Self::Unavailable(_) => "unavailable",
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "send Authorization: Bearer with the root token or a site's token"
            }
            Self::Forbidden => "use a token of this site that has the scope, or the root token",
            Self::NotFound("site") => "create it: selvedge sites create NAME, with the root token",
            Self::NotFound("deployment") => "publish it first; selvedge deployments lists them",
            Self::NotFound("stage") => "publish to it first: selvedge publish DIR --stage NAME",
            Self::NotFound("collection") => {
                "publish the site again for `public`; add others to [[collections]] in \
                 selvedge.toml and publish, then try again"
            }
            Self::NotFound("upload") => {
                "begin another; parts are all of one length of 5 MiB or more, but for the last"
            }
            Self::NotFound("takedown") => "selvedge takedown --list shows what there is",
            Self::NotFound("token") => "selvedge tokens lists what there is",
            Self::NotFound("key") => "selvedge keys lists what there is",
            Self::NotFound("hostname") => "selvedge hosts lists what there is",
            Self::NotFound("object") => "selvedge objects list shows what there is",
            Self::NotFound(_) => "see docs/admin-api.md for the calls that there are",
            Self::MethodNotAllowed(_) => "see the Allow header",
            Self::Name(_) | Self::Object(_) | Self::Json(_) => {
                "see docs/admin-api.md for the form of the call"
            }
            Self::Invalid(_, hint) => hint,
            Self::Exists(_) => "remove it from the site that has it first",
            Self::LostRace(_) => "look at what is live now, then publish again or promote",
            Self::StillLive(_) => "publish something else there, promote or roll back first",
            Self::BeingDeleted => {
                "wait until `selvedge sites delete NAME` is done; run it again if it was interrupted"
            }
            Self::DefaultSite => {
                "the base domain itself serves it; add --allow-default to delete it all the same"
            }
            Self::NothingToRollBack => "name a deployment: selvedge rollback --site S DEPLOYMENT",
            Self::PreconditionFailed(_) => "read what is there now, then decide again",
            Self::TooLarge(_) => "split it, or keep it out of the site",
            Self::ObjectTooLarge(StoreKind::R2) => "send it in parts, as selvedge objects put does",
            Self::ObjectTooLarge(StoreKind::Kv) => "KV takes no larger values; with R2 it would go",
            Self::BodyBroken => "send it again",
            Self::HashMismatch(..) => "the file changed or the upload was damaged; send it again",
            Self::MissingBlobs(_) => "upload what is missing, then commit again",
            Self::Manifest(_) | Self::OtherDeployment(_) => {
                "publish with a command line of this worker's version"
            }
            Self::UpstreamNotAllowed(_) => {
                "ask the operator to add it to ALLOWED_ORIGINS, or name another"
            }
            Self::NotStored(_) => {
                "check that the store has room (of make dev: the disk of STATE_DIR), then try \
                 again; what is served did not change"
            }
            Self::Unavailable(Fault::Missing) => "bind a bucket or a namespace in wrangler.toml",
            Self::Unavailable(_) => "try again in a moment",
        }
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("this needs a valid token"),
            Self::Forbidden => f.write_str("the token does not open this"),
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::MethodNotAllowed(_) => f.write_str("the call has no such method"),
            Self::Name(error) => error.fmt(f),
            Self::Object(error) => error.fmt(f),
            Self::Json(error) => write!(f, "the body is not the JSON that it should be: {error}"),
            Self::Invalid(what, _) => f.write_str(what),
            Self::Exists(what) => write!(f, "this {what} belongs to another site"),
            Self::LostRace(Some(winner)) => write!(
                f,
                "{} was activated in the meantime by {} (change {})",
                winner.deployment, winner.by, winner.seq
            ),
            Self::LostRace(None) => f.write_str("the record was changed in the meantime"),
            Self::StillLive(stages) => {
                let names: Vec<&str> = stages.iter().map(StageName::as_str).collect();
                write!(f, "the deployment is live on {}", names.join(", "))
            }
            Self::BeingDeleted => f.write_str("the site is being deleted"),
            Self::DefaultSite => f.write_str("this is the DEFAULT_SITE"),
            Self::NothingToRollBack => f.write_str("there is no earlier deployment to return to"),
            Self::PreconditionFailed(Some(etag)) => {
                write!(f, "the object is another by now: its entity tag is {etag}")
            }
            Self::PreconditionFailed(None) => f.write_str("there is no such object by now"),
            Self::ObjectTooLarge(store) => {
                write!(f, "the object is larger than {} bytes", store.blob_bytes_max())
            }
            Self::TooLarge(bytes_max) => write!(f, "the body is larger than {bytes_max} bytes"),
            Self::BodyBroken => f.write_str("the body did not come in whole"),
            Self::HashMismatch(at, hash) => write!(f, "blob {at} does not hash to {hash}"),
            Self::MissingBlobs(hashes) => write!(f, "{} blobs are not stored yet", hashes.len()),
            Self::Manifest(error) => error.fmt(f),
            Self::OtherDeployment(id) => write!(f, "the manifest is that of {id}"),
            Self::UpstreamNotAllowed(upstream) => {
                write!(f, "this server does not allow the upstream {upstream}")
            }
            Self::NotStored(Fault::TimedOut) => {
                f.write_str("the store did not complete the write in time")
            }
            Self::NotStored(_) => f.write_str("the store refused the write"),
            Self::Unavailable(fault) => fault.fmt(f),
        }
    }
}

impl From<Fault> for AdminError {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(fault)
    }
}

impl From<Unavailable> for AdminError {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Store(fault) => Self::Unavailable(fault),
            Unavailable::Absent | Unavailable::Corrupt => Self::Unavailable(Fault::Failed),
        }
    }
}

impl From<BodyFault> for AdminError {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(bytes_max) => Self::TooLarge(bytes_max),
            BodyFault::Broken => Self::BodyBroken,
        }
    }
}
