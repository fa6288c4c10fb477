//! What a stored response says of what will be asked for next.

use crate::cache::field::links;
use crate::cache::key::resolved;
use crate::cache::{RequestHead, ResponseHead};

/// The URLs of the same site that a page links as what is needed with it or after it (RFC 8288;
/// relations `preload`, `prefetch` and `next`), each once and no more than so many.
pub fn prefetches(request: &RequestHead, response: &ResponseHead, most: usize) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    if most == 0 || response.status != 200 || request.method != http::Method::GET {
        return urls;
    }
    for link in links(&response.headers) {
        let meant = link.relations.iter().any(|relation| RELATIONS.contains(&relation.as_str()));
        if urls.len() >= most || !meant || link.anchor.is_some() {
            continue;
        }
        if let Some(url) = resolved(&request.url, &link.target)
            && url != request.url
            && !urls.contains(&url)
        {
            urls.push(url);
        }
    }
    urls
}

const RELATIONS: [&str; 3] = ["preload", "prefetch", "next"];

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, header};

    use super::*;

    fn of(method: Method, status: u16, link: &str, most: usize) -> Vec<String> {
        let url = "https://a.test/list?page=1".to_owned();
        let request = RequestHead { method, url, headers: HeaderMap::new() };
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, HeaderValue::from_str(link).expect("a value"));
        prefetches(&request, &ResponseHead { status, headers }, most)
    }

    #[test]
    fn only_what_is_likely_to_be_asked_for_here_is_meant() {
        let link = [
            "<?page=2>; rel=next, </a.css>; rel=\"preload stylesheet\", </a.css>; rel=preload",
            "</b>; rel=prefetch; anchor=\"/c\", </d>; rel=prev, <#top>; rel=next",
            "<https://b.test/>; rel=prefetch, <//a.test:81/>; rel=prefetch, </e>; rel=prefetch",
        ];
        let link = link.join(", ");
        let all = ["https://a.test/list?page=2", "https://a.test/a.css", "https://a.test/e"];
        assert_eq!(of(Method::GET, 200, &link, 9), all);
        assert_eq!(of(Method::GET, 200, &link, 2), all[..2]);
        for (method, status, most) in
            [(Method::GET, 200, 0), (Method::GET, 404, 9), (Method::POST, 200, 9)]
        {
            assert!(of(method, status, &link, most).is_empty());
        }
    }
}
