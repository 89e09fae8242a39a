//! The table of calls of the admin API.
//!
//! Dispatch, authorisation and the `Allow` header are derived from it, and docs/admin-api.md must
//! list every row.

use http::Method;

use crate::site::ids::{NameError, SiteName};
use crate::site::records::site::Scope;
use crate::wire::query;

/// A call of the admin API.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    /// The path below `/.selvedge/`. `{name}` is one segment, `{+name}` the rest of the path
    /// (RFC 6570 section 3.2.3), and `?name` a query parameter that must be present.
    pub path: &'static str,
    pub access: Access,
    pub operation: Operation,
}

/// The callers that may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    AnyToken,
    /// Tokens of the site with this scope, and the root token.
    Scope(Scope),
    Root,
}

const PUBLISH: Access = Access::Scope(Scope::Publish);
const PURGE: Access = Access::Scope(Scope::Purge);
const WRITE: Access = Access::Scope(Scope::Write);
const READ: Access = Access::Scope(Scope::Read);
const ROOT: Access = Access::Root;

const OBJECT: &str = "v1/sites/{site}/collections/{collection}/objects/{+object}";
const NEW_UPLOAD: &str = "v1/sites/{site}/collections/{collection}/objects/{+object}?uploads";
const UPLOAD: &str = "v1/sites/{site}/collections/{collection}/objects/{+object}?upload";

/// Defines the operations, and the table of their calls.
macro_rules! calls {
    ($($operation:ident: $method:ident $path:expr, $access:expr;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $($operation,)*
        }

        /// All calls. Of several paths that match a request, the first one counts.
        pub const CALLS: &[Call] = &[$(Call {
            method: Method::$method,
            path: $path,
            access: $access,
            operation: Operation::$operation,
        },)*];
    };
}

calls! {
    Health: GET "health", Access::Anyone;
    About: GET "v1", Access::AnyToken;
    ListSites: GET "v1/sites", ROOT;
    GetSite: GET "v1/sites/{site}", READ;
    CreateSite: PUT "v1/sites/{site}", ROOT;
    DeleteSite: DELETE "v1/sites/{site}", ROOT;
    ListTokens: GET "v1/sites/{site}/tokens", ROOT;
    CreateToken: POST "v1/sites/{site}/tokens", ROOT;
    RevokeToken: DELETE "v1/sites/{site}/tokens/{token}", ROOT;
    ListKeys: GET "v1/sites/{site}/keys", PUBLISH;
    CreateKey: POST "v1/sites/{site}/keys", PUBLISH;
    RevokeKey: DELETE "v1/sites/{site}/keys/{key}", PUBLISH;
    ListHosts: GET "v1/sites/{site}/hosts", ROOT;
    MapHost: PUT "v1/sites/{site}/hosts/{host}", ROOT;
    UnmapHost: DELETE "v1/sites/{site}/hosts/{host}", ROOT;
    FindMissingBlobs: POST "v1/sites/{site}/blobs/missing", PUBLISH;
    PutBlobs: POST "v1/sites/{site}/blobs", PUBLISH;
    GetBlob: GET "v1/sites/{site}/blobs/{hash}", PUBLISH;
    PutBlob: PUT "v1/sites/{site}/blobs/{hash}", PUBLISH;
    ListDeployments: GET "v1/sites/{site}/deployments", READ;
    GetDeployment: GET "v1/sites/{site}/deployments/{deployment}", READ;
    CommitDeployment: PUT "v1/sites/{site}/deployments/{deployment}", PUBLISH;
    ForgetDeployment: DELETE "v1/sites/{site}/deployments/{deployment}", PUBLISH;
    ListTakedowns: GET "v1/sites/{site}/takedowns", READ;
    TakeDown: POST "v1/sites/{site}/takedowns", PUBLISH;
    UndoTakedown: DELETE "v1/sites/{site}/takedowns", PUBLISH;
    GetStage: GET "v1/sites/{site}/stages/{stage}", READ;
    Activate: POST "v1/sites/{site}/stages/{stage}/activate", PUBLISH;
    RollBack: POST "v1/sites/{site}/stages/{stage}/rollback", PUBLISH;
    Promote: POST "v1/sites/{site}/promote", PUBLISH;
    Purge: POST "v1/sites/{site}/purge", PURGE;
    GetMedia: GET "v1/sites/{site}/media", PUBLISH;
    BeginUpload: POST NEW_UPLOAD, WRITE;
    PutPart: PUT UPLOAD, WRITE;
    FinishUpload: POST UPLOAD, WRITE;
    AbortUpload: DELETE UPLOAD, WRITE;
    ListObjects: GET "v1/sites/{site}/collections/{collection}/objects", READ;
    GetObject: GET OBJECT, READ;
    PutObject: PUT OBJECT, WRITE;
    DeleteObject: DELETE OBJECT, WRITE;
    InvalidateObjects: POST "v1/sites/{site}/collections/{collection}/invalidate", WRITE;
}

/// A path of the table, with the values of its parameters.
#[derive(Debug)]
pub struct Resource<'a> {
    path: &'static str,
    arguments: Vec<&'a str>,
}

impl<'a> Resource<'a> {
    /// Returns the resource at a path below `/.selvedge/`, `None` if no call has it.
    pub fn find(path: &'a str, query: Option<&str>) -> Option<Self> {
        CALLS.iter().find_map(|call| {
            let arguments = arguments(call.path, path, query)?;
            Some(Self { path: call.path, arguments })
        })
    }

    pub fn calls(&self) -> impl Iterator<Item = &'static Call> {
        CALLS.iter().filter(|call| call.path == self.path)
    }

    /// Returns the call with a method; HEAD is GET.
    pub fn call(&self, method: &Method) -> Option<&'static Call> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.calls().find(|call| call.method == *method)
    }

    /// # Errors
    /// [`NameError`] if the path has a site that is not a site name.
    pub fn site(&self) -> Result<Option<SiteName>, NameError> {
        self.arguments.first().map(|site| SiteName::parse(site)).transpose()
    }

    /// Returns the parameters after the site; empty where there are fewer.
    pub fn after_site(&self) -> [&'a str; 2] {
        [1, 2].map(|at| self.arguments.get(at).copied().unwrap_or_default())
    }

    /// Whether the path ends in a name with more than one spelling.
    pub fn has_spellings(&self) -> bool {
        self.path.contains("{+")
    }
}

fn arguments<'a>(pattern: &str, path: &'a str, query: Option<&str>) -> Option<Vec<&'a str>> {
    let (pattern, parameter) = match pattern.split_once('?') {
        Some((pattern, parameter)) => (pattern, Some(parameter)),
        None => (pattern, None),
    };
    if let Some(parameter) = parameter {
        query::value(query?, parameter)?;
    }
    let mut arguments = Vec::new();
    let mut rest = Some(path);
    for part in pattern.split('/') {
        let text = rest?;
        if part.starts_with("{+") {
            arguments.push(text);
            return Some(arguments);
        }
        let (segment, after) = match text.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (text, None),
        };
        match part.starts_with('{') {
            true => arguments.push(segment),
            false if part == segment => {}
            false => return None,
        }
        rest = after;
    }
    rest.is_none().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, query: &str, expected: Option<(&str, &[&str])>) {
        let found = Resource::find(path, Some(query));
        let found = found.as_ref().map(|found| (found.path, found.arguments.as_slice()));
        assert_eq!(found, expected, "{path}?{query}");
    }

    #[test]
    fn paths() {
        check("health", "", Some(("health", &[])));
        check("v1/sites", "", Some(("v1/sites", &[])));
        check("v1/sites/", "", Some(("v1/sites/{site}", &[""])));
        check("v1/sites/a", "", Some(("v1/sites/{site}", &["a"])));
        check("v1/sites/a/blobs/missing", "", Some(("v1/sites/{site}/blobs/missing", &["a"])));
        check("v1/sites/a/blobs/x", "", Some(("v1/sites/{site}/blobs/{hash}", &["a", "x"])));
        let object = "v1/sites/a/collections/c/objects/x//y";
        check(object, "", Some((OBJECT, &["a", "c", "x//y"])));
        check(object, "uploads", Some((NEW_UPLOAD, &["a", "c", "x//y"])));
        check(object, "part=1&upload=u", Some((UPLOAD, &["a", "c", "x//y"])));
        check("v1/sites/a/collections/c/objects/", "", Some((OBJECT, &["a", "c", ""])));
        for path in ["", "v1/", "v2", "v1/sites/a/", "v1/sites/a/blobs/x/y", "health/", "x/v1"] {
            check(path, "", None);
        }
    }

    #[test]
    fn every_call_is_documented_and_there_once() {
        let docs = include_str!("../../docs/admin-api.md");
        for call in CALLS {
            let row = format!("| `{} /{}` |", call.method, call.path);
            assert_eq!(docs.matches(&row).count(), 1, "{row}");
            let is_same = |other: &&Call| (&other.method, other.path) == (&call.method, call.path);
            assert_eq!(CALLS.iter().filter(is_same).count(), 1, "{row}");
        }
        let reads = CALLS.iter().filter(|call| call.method == Method::GET);
        assert_eq!(docs.matches("| `GET /").count(), reads.count());
    }
}
