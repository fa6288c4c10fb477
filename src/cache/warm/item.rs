//! What a job has in its list.

use std::fmt;

use crate::cache::key;

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A page is to be asked for, by its URL.
    Page(String),
    /// A sitemap is to be read, and what it lists to be added.
    Sitemap(String),
    /// What is stored is to be gone over for what carries the tag, from a cursor on.
    Tag {
        /// The shard.
        shard: usize,
        /// The store's cursor.
        cursor: u64,
        /// The tag.
        tag: String,
    },
}

impl Item {
    /// Reads the form in which the store keeps it.
    pub fn parse(text: &str) -> Option<Self> {
        let (mark, rest) = text.split_once(' ')?;
        match mark {
            "p" => Some(Self::Page(rest.to_owned())),
            "s" => Some(Self::Sitemap(rest.to_owned())),
            "t" => {
                let mut parts = rest.splitn(3, ' ');
                let shard = parts.next()?.parse().ok()?;
                let cursor = parts.next()?.parse().ok()?;
                Some(Self::Tag { shard, cursor, tag: parts.next()?.to_owned() })
            }
            _ => None,
        }
    }

    /// The page of a stored response with this key text, if a URL is all that it is keyed by beside
    /// fields that its origin names. Of several queries that it answers one is asked for.
    pub fn of_key(text: &str) -> Option<Self> {
        let plain = !["\n=", "\n@", "\n;"].iter().any(|start| text.contains(start));
        (plain && text.starts_with("GET ")).then(|| Self::Page(key::question_of(text)))
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(url) => write!(f, "p {url}"),
            Self::Sitemap(url) => write!(f, "s {url}"),
            Self::Tag { shard, cursor, tag } => write!(f, "t {shard} {cursor} {tag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_read_back() {
        for item in [
            Item::Page("https://a.test/b?c=d".into()),
            Item::Sitemap("https://a.test/sitemap.xml".into()),
            Item::Tag { shard: 3, cursor: u64::MAX, tag: "of two words".into() },
        ] {
            assert_eq!(Item::parse(&item.to_string()), Some(item));
        }
        for text in ["", "p", "x y", "t 1 2", "t 1 -2 z", "t a 2 z"] {
            assert_eq!(Item::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_a_url_alone_can_ask_for_is_a_page() {
        let page = |text: &str| Item::of_key(text);
        let found = Some(Item::Page("https://a.test/".into()));
        assert_eq!(page("GET https://a.test/"), found);
        assert_eq!(page("GET https://a.test/\naccept-language=2:de"), found);
        let several = Some(Item::Page("https://a.test/?b=".into()));
        assert_eq!(page("GET https://a.test/?\n?2:~-b="), several);
        assert_eq!(page("GET https://a.test/\n=POST 00"), None);
        assert_eq!(page("GET https://a.test/\n@x-country=2:de"), None);
        assert_eq!(page("GET https://a.test/\n;currency=3:eur"), None);
    }
}
