//! The errors of the admin API: a status, a code for machines, a message and a hint.

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

pub type Result<T> = std::result::Result<T, AdminError>;

/// Defines the errors: the status, the code, the message and the hint of each.
macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident $(($($value:ident: $type:ty),+))?:
        $status:literal $code:literal, ($($message:tt)+), $hint:expr;)*) => {
        #[derive(Debug)]
        pub enum AdminError {
            $($(#[$doc])* $variant $(($($type),+))?,)*
        }

        impl AdminError {
            #[allow(unused_variables)]
            fn row(&self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$variant $(($($value),+))? => ($status, $code, $hint),)*
                }
            }
        }

        impl fmt::Display for AdminError {
            #[allow(unused_variables)]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $(($($value),+))? => write!(f, $($message)+),)*
                }
            }
        }
    };
}

const SEE_DOCS: &str = "see docs/admin-api.md for the form of the call";
const SAME_VERSION: &str = "publish with a command line of this worker's version";
const LOST_RACE: &str = "check the live deployment, then publish again or promote";

errors! {
    Name(error: NameError): 400 "bad-request", ("{error}"), SEE_DOCS;
    /// The name of a collection or an object is invalid.
    Object(error: CollectionError): 400 "bad-request", ("{error}"), SEE_DOCS;
    Json(error: DecodeError): 400 "bad-request",
        ("the body is not the expected JSON: {error}"), SEE_DOCS;
    BodyCutOff: 400 "bad-request", ("the body was cut off"), "send it again";
    Unauthorized: 401 "unauthorized", ("this needs a valid token"),
        "send Authorization: Bearer with the root token or a site's token";
    Forbidden: 403 "forbidden", ("the token does not allow this"),
        "use a token of this site with the scope, or the root token";
    NotFound(missing: Missing): 404 "not-found",
        ("there is no such {}", missing.texts().0), missing.texts().1;
    /// The methods that the path has.
    MethodNotAllowed(methods: Vec<&'static Method>): 405 "method-not-allowed",
        ("the call has no such method"), "see the Allow header";
    HostnameTaken: 409 "exists", ("this hostname belongs to another site"),
        "remove it from the site that has it first";
    LostRace(winner: Box<LiveRecord>): 409 "lost-race",
        ("{} was activated in the meantime by {} (change {})",
            winner.deployment, winner.by, winner.seq),
        LOST_RACE;
    RecordChanged: 409 "lost-race", ("the record was changed in the meantime"), LOST_RACE;
    /// The stages that serve the deployment.
    StillLive(stages: Vec<StageName>): 409 "still-live",
        ("the deployment is live on {}",
            stages.iter().map(StageName::as_str).collect::<Vec<_>>().join(", ")),
        "publish something else there, promote or roll back first";
    BeingDeleted: 409 "being-deleted", ("the site is being deleted"),
        "run selvedge sites delete NAME until it is done";
    DefaultSite: 409 "default-site", ("this is the DEFAULT_SITE"),
        "the base domain serves it; add --allow-default to delete it";
    NothingToRollBack: 409 "nothing-to-roll-back",
        ("there is no earlier deployment to return to"),
        "name a deployment: selvedge rollback --site S ID";
    MissingBlobs(hashes: Vec<ContentHash>): 409 "missing-blobs",
        ("{} blobs are not stored yet", hashes.len()),
        "upload the missing blobs, then commit again";
    /// The entity tag of the current object, if there is one.
    PreconditionFailed(etag: Option<String>): 412 "precondition-failed",
        ("{}", match etag {
            Some(etag) => format!("the object has changed: its entity tag is {etag}"),
            None => "there is no such object by now".to_owned(),
        }),
        "read the current object, then decide again";
    TooLarge(bytes_max: u64): 413 "too-large",
        ("the body is larger than {bytes_max} bytes"), "split it, or keep it out of the site";
    ObjectTooLarge(store: StoreKind): 413 "too-large",
        ("the object is larger than {} bytes", store.blob_bytes_max()),
        match store {
            StoreKind::R2 => "send it in parts, as selvedge objects put does",
            StoreKind::Kv => "KV takes no larger values, but R2 does",
        };
    Invalid(invalid: Invalid): 422 "invalid", ("{}", invalid.texts().0), invalid.texts().1;
    Manifest(error: ManifestError): 422 "invalid", ("{error}"), SAME_VERSION;
    /// The id that the manifest has.
    OtherDeployment(id: DeploymentId): 422 "invalid",
        ("the manifest is that of {id}"), SAME_VERSION;
    /// The position of a blob in its batch, and the hash that it should have.
    HashMismatch(at: usize, hash: ContentHash): 422 "hash-mismatch",
        ("blob {at} does not hash to {hash}"),
        "the file changed or the upload was damaged; send it again";
    UpstreamNotAllowed(upstream: Upstream): 422 "upstream-not-allowed",
        ("this server does not allow the upstream {upstream}"),
        "ask the operator to add it to ALLOWED_ORIGINS";
    NotStored(fault: Fault): 503 "not-stored",
        ("the store {}", match fault {
            Fault::TimedOut => "did not complete the write in time",
            _ => "refused the write",
        }),
        "check that the store has room (of make dev: the disk of STATE_DIR), then try again; \
            no deployment was changed";
    Unavailable(fault: Fault): 503 "unavailable", ("{fault}"),
        match fault {
            Fault::Missing => "bind a bucket or a namespace in wrangler.toml",
            _ => "try again in a moment",
        };
}

/// Defines an enum with two texts per variant, the second of which is a hint.
macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($variant:ident: $text:literal, $hint:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($variant,)*
        }

        impl $name {
            fn texts(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant => ($text, $hint),)*
                }
            }
        }
    };
}

texts! {
    /// The kinds of things that a call can name in vain.
    Missing {
        Blob: "blob", "upload it first";
        Call: "call", "see docs/admin-api.md for the calls that there are";
        Collection: "collection", "publish the site again for `public`; add others to \
            [[collections]] in selvedge.toml and publish, then try again";
        Deletion: "deletion", "see docs/admin-api.md for the calls that there are";
        Deployment: "deployment", "publish it first; selvedge deployments lists them";
        Hostname: "hostname", "selvedge hosts lists them";
        Key: "key", "selvedge keys lists them";
        Object: "object", "selvedge objects list shows them";
        Site: "site", "create it: selvedge sites create NAME, with the root token";
        Stage: "stage", "publish to it first: selvedge publish DIR --stage NAME";
        Takedown: "takedown", "selvedge takedown --list shows them";
        Token: "token", "selvedge tokens lists them";
        Upload: "upload", "begin another; all parts but the last have one length of at least 5 MiB";
    }
}

texts! {
    /// Values that a request may not have: a message and a hint.
    Invalid {
        BaseHostname: "the hostname is under the base domain",
            "sites and stages have hostnames there already; map one of your own";
        BatchCutOff: "the batch ends within a frame", "send whole frames";
        CredentialName: "`name` must be 1 to 80 bytes without control characters", "shorten it";
        Expiry: "`expires_secs` must be at least 1",
            "leave it out for no expiry; to end a token or a key now, revoke it";
        HashPrefix: "`prefix` must be up to 4 lower-case hex digits", "group the hashes by it";
        HashWithoutPrefix: "a hash does not begin with `prefix`", "group the hashes by prefix";
        Hostname: "this is not a hostname", "write it as www.example.com";
        InvalidateFlag: "`invalidate` must be true or false",
            "leave it out to invalidate edge copies at once";
        LengthUnknown: "the length of the body is not known", "send Content-Length";
        ListLimit: "`limit` must be between 1 and 1,000", "leave it out for 1,000";
        ListPrefix: "`prefix` is not the beginning of an object name",
            "write it as names are listed, without \".\" and \"..\"";
        MediaType: "the media type is invalid",
            "send Content-Type as type/subtype, up to 150 bytes of ASCII, or leave it out";
        NoNames: "`names` is empty", "leave it out to invalidate the whole collection";
        NoScope: "`scopes` is empty", "name one or more of publish, purge, write, read";
        PartEmpty: "the part is empty", "send its bytes as the body";
        PartNumber: "`part` must be between 1 and 10,000", "add it to the query";
        PartOrder: "the parts are not in order", "send each once, in the order of their numbers";
        Precondition: "the precondition can't be checked",
            "send If-Match with one strong entity tag or *, or If-None-Match: *";
        PurgeCollection: "`collection` is not a collection's name", "use one of selvedge.toml";
        PurgePath: "this is not a path",
            "write it as /content/a.json: no host, no query, up to 2,048 bytes";
        PurgeScope: "a purge must name one thing",
            "name exactly one of all, path, prefix, tag and collection";
        PurgeTag: "`tag` is invalid",
            "use 1 to 2,048 visible ASCII characters without commas; one tag per call";
        Tag: "a tag is invalid", "a tag is 1 to 64 of A-Z a-z 0-9 _ . : -";
        TakedownPath: "the query names no path",
            "add ?path= with the path as the list shows it, percent-encoded";
        TooManyBlobs: "the batch has too many blobs", "send at most 256";
        TooManyHashes: "`hashes` is too long", "ask for at most 10,000";
        TooManyHosts: "the site has 200 custom hostnames already", "remove one first";
        TooManyKeys: "the site has 100 keys already", "revoke one first";
        TooManyTags: "the object has too many tags", "at most 16, and 512 bytes with their commas";
        TooManyTakedowns: "the site has 500 takedowns already",
            "take down a folder as /private/* instead, or undo some";
        TooManyTokens: "the site has 100 tokens already", "revoke one first";
    }
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

/// An additional member of some errors.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Detail<'a> {
    Winner { deployment: &'a DeploymentId, seq: u64, by: &'a str, activated_ms: UnixMillis },
    Missing(&'a [ContentHash]),
    Stages(&'a [StageName]),
    Etag(Option<&'a str>),
}

impl AdminError {
    /// Classifies a failed write. A full store refuses it or never answers; a store that is busy or
    /// not bound says so itself.
    pub fn of_write(fault: Fault) -> Self {
        match fault {
            Fault::Failed | Fault::TimedOut => Self::NotStored(fault),
            Fault::Busy | Fault::Missing => Self::Unavailable(fault),
        }
    }

    /// Classifies a failed ban. No other change contradicts a ban, so a lost race only means that
    /// there were too many changes at once.
    pub fn of_ban(self) -> Self {
        match self {
            Self::LostRace(_) | Self::RecordChanged => Self::Unavailable(Fault::Busy),
            error => error,
        }
    }

    pub fn status(&self) -> u16 {
        self.row().0
    }

    /// Returns the error as JSON.
    pub fn body(&self) -> String {
        let (_, code, hint) = self.row();
        let (message, detail) = (self.to_string(), self.detail());
        codec::encode(&Body { error: Described { code, message, hint, detail } })
    }

    fn detail(&self) -> Option<Detail<'_>> {
        Some(match self {
            Self::LostRace(winner) => Detail::Winner {
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
}

macro_rules! wrap {
    ($($source:ty => $variant:ident,)*) => {
        $(impl From<$source> for AdminError {
            fn from(source: $source) -> Self {
                Self::$variant(source)
            }
        })*
    };
}

wrap! {
    NameError => Name,
    CollectionError => Object,
    DecodeError => Json,
    ManifestError => Manifest,
    Invalid => Invalid,
    Missing => NotFound,
    Fault => Unavailable,
}

impl From<Option<LiveRecord>> for AdminError {
    /// Returns the error for a lost race against a record, which may be gone.
    fn from(winner: Option<LiveRecord>) -> Self {
        winner.map_or(Self::RecordChanged, |winner| Self::LostRace(Box::new(winner)))
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
            BodyFault::Broken => Self::BodyCutOff,
        }
    }
}
