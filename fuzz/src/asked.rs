//! What clients ask by content.

use breadbox::cache::RequestHead;
use breadbox::cache::graphql::{Document, GraphQl, Persisted, answer_tags, content_form};
use breadbox::cache::json::Json;
use http::{HeaderMap, Method, header};

/// A document's form is a document of the same form and operations, JSON's one form is its own, and
/// what counts as reading still does in its form.
pub fn graphql(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(document) = Document::parse(&text) {
        assert_eq!(Document::parse(&document.form), Some(document));
    }
    if let Some(form) = Json::parse(bytes).and_then(|json| json.form()) {
        let again = Json::parse(form.as_bytes()).and_then(|json| json.form());
        assert_eq!(again, Some(form));
    }
    let type_tags = Some("type:".to_owned());
    let rule = GraphQl { persisted: Persisted::Queries, type_tags, ..GraphQl::default() };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    let url = "https://a.test/graphql".to_owned();
    let head = RequestHead { method: Method::POST, url, headers };
    if let Some(form) = content_form(&head, bytes, &rule) {
        assert_eq!(content_form(&head, &form, &rule), Some(form.clone()));
    }
    for tag in answer_tags(bytes, &rule).unwrap_or_default() {
        assert!(tag.starts_with("type:") && tag.chars().all(|c| c.is_ascii_graphic()));
    }
}
