//! What a sitemap lists. It is read as text with marks in it: whatever is no `loc` is passed over.

/// What a sitemap lists, as it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sitemap {
    /// Further sitemaps.
    Index(Vec<String>),
    /// Pages.
    Pages(Vec<String>),
}

/// Reads up to so many of the locations in a sitemap.
pub fn sitemap(text: &str, most: usize) -> Sitemap {
    let (mut found, mut index, mut rest) = (Vec::new(), false, text);
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let Some((mark, after)) = after.split_once('>') else { break };
        rest = after;
        let name = mark.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        match name.rsplit(':').next() {
            Some("sitemapindex") => index = true,
            Some("loc") if found.len() < most => found.push(content(after)),
            _ => {}
        }
    }
    found.retain(|location| !location.is_empty());
    if index { Sitemap::Index(found) } else { Sitemap::Pages(found) }
}

/// The text at the beginning of what follows a mark.
fn content(after: &str) -> String {
    let after = after.get(..after.floor_char_boundary(LOCATION_MAX)).unwrap_or_default();
    let literal = after.trim_start().strip_prefix("<![CDATA[");
    match literal.and_then(|text| text.split_once("]]>")) {
        Some((text, _)) => text.trim().to_owned(),
        None => decoded(after.split_once('<').map_or("", |(text, _)| text).trim()),
    }
}

/// A text with what it refers to in place of the references; one that is not known stays.
fn decoded(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let end = after.bytes().take(REFERENCE_MAX).position(|byte| byte == b';');
        let name = end.and_then(|end| after.get(..end));
        match (name.and_then(referred), name) {
            (Some(character), Some(name)) => {
                plain.push(character);
                rest = after.get(name.len().saturating_add(1)..).unwrap_or_default();
            }
            _ => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain + rest
}

fn referred(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// No location is longer, and no reference to a character.
const LOCATION_MAX: usize = 8_192;
const REFERENCE_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(text: &str) -> Sitemap {
        sitemap(text, 10)
    }

    #[test]
    fn locations_are_read_and_nothing_else() {
        let text = r#"<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap">
            <!-- <url><loc>https://a.test/no</loc></url> -->
            <url><loc> https://a.test/?a=1&amp;b=2 </loc><lastmod>2026-01-01</lastmod></url>
            <sm:url><sm:loc a="b">/caf&#xe9;&#38;&unknown;</sm:loc></sm:url>
            <url><loc>/&lt;&gt;&quot;&apos;</loc></url>
            <url><loc><![CDATA[/c?d&e]]></loc><loc/><loc></loc></url></urlset>"#;
        let found = ["https://a.test/?a=1&b=2", "/café&&unknown;", "/<>\"'", "/c?d&e"];
        assert_eq!(pages(text), Sitemap::Pages(found.map(str::to_owned).to_vec()));
    }

    #[test]
    fn an_index_is_told_from_pages() {
        let text = "<sitemapindex><sitemap><loc>/one.xml</loc></sitemap></sitemapindex>";
        assert_eq!(pages(text), Sitemap::Index(vec!["/one.xml".to_owned()]));
    }

    #[test]
    fn what_is_broken_or_endless_ends() {
        for text in
            ["", "<", "<loc", "<loc>", "<!--", "<loc>&#xd800;&#99999999;<", "<loc><![CDATA["]
        {
            let _ = pages(text);
        }
        let many = "<loc>/</loc>".repeat(100);
        assert_eq!(pages(&many), Sitemap::Pages(vec!["/".to_owned(); 10]));
    }
}
