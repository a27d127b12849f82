//! The providers that one world plays.

use serde::Serialize;

/// A provider, told by the path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// HiAPI: tasks, polled, under `/v1/tasks`.
    HiApi,
    /// OpenAI's Images API: synchronous, base64, under `/v1/images`.
    OpenAi,
    /// CreativeAI: OpenAI's requests answered with links, under `/creativeai/v1`.
    CreativeAi,
}

impl Provider {
    /// Whose path this is (without its query), and the path as that provider's own documents have it.
    pub(crate) fn of(path: &str) -> (Provider, &str) {
        match path.strip_prefix("/creativeai") {
            Some(own) if own.starts_with('/') => (Provider::CreativeAi, own),
            _ if path.starts_with("/v1/images") => (Provider::OpenAi, path),
            _ => (Provider::HiApi, path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_provider() {
        let edits = "/v1/images/edits";
        assert_eq!(Provider::of(edits), (Provider::OpenAi, edits));
        assert_eq!(Provider::of("/creativeai/v1/images/edits"), (Provider::CreativeAi, edits));
        assert_eq!(Provider::of("/creativeais/v1"), (Provider::HiApi, "/creativeais/v1"));
        assert_eq!(Provider::of("/v1/tasks"), (Provider::HiApi, "/v1/tasks"));
    }
}
