//! What is asked to be warmed: `POST /api/v1/cache/warm`.

use serde_json::{Map, Value};

use super::{Item, RATE_MAX};
use crate::cache::json;
use crate::cache::key;
use crate::cache::purge::Complaint;

/// A request to warm that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is named.
    pub items: Vec<Item>,
    /// How many of the pages that were asked for most are meant, beside that.
    pub top: usize,
    /// At most so many requests a second.
    pub rate: u32,
    /// At most so many pages.
    pub max: u32,
    /// What becomes of a job that is under way.
    pub other: Other,
}

/// What becomes of a job that is under way when another is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// It goes on, and the new one is refused.
    Kept,
    /// It ends.
    Replaced,
}

/// Reads a request. URLs are taken as a page at one of `bases` would refer to them, and have to be
/// of its site; each tag is looked for in so many shards.
pub fn read(body: &[u8], bases: &[&str], shards: usize) -> Result<Order, Complaint> {
    let written = json::value(body).map_err(|error| {
        Complaint::new(400, "invalid-json", format!("the body must be JSON: {error}"))
    })?;
    let Value::Object(fields) = &written else {
        return Err(Complaint::new(400, "invalid-json", "the body must be a JSON object"));
    };
    if let Some(other) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let message = format!("{other} is none of {}", FIELDS.join(", "));
        return Err(Complaint::of(other, "unknown-field", message));
    }
    let mut items = Vec::new();
    for (name, item) in [
        ("urls", Item::Page as fn(String) -> Item),
        ("sitemaps", Item::Sitemap as fn(String) -> Item),
    ] {
        for (place, text) in texts(fields, name)? {
            let url = bases.iter().find_map(|base| key::resolved(base, text));
            items.push(item(url.ok_or_else(|| foreign(&place, text))?));
        }
    }
    for (place, tag) in texts(fields, "tags")? {
        let plain = !tag.is_empty() && tag.len() <= TAG_MAX && !tag.contains(char::is_control);
        if !plain {
            return Err(Complaint::of(place, "invalid", format!("up to {TAG_MAX} bytes of text")));
        }
        let of = |shard| Item::Tag { shard, cursor: 0, tag: tag.to_owned() };
        items.extend((0..shards).map(of));
    }
    let top = number(fields, "top", 0, TOP_MAX)? as usize;
    if items.is_empty() && top == 0 {
        let message = "nothing to warm: name urls, sitemaps, tags or top";
        return Err(Complaint::new(400, "nothing-named", message));
    }
    let other = match fields.get("replace") {
        None | Some(Value::Bool(false)) => Other::Kept,
        Some(Value::Bool(true)) => Other::Replaced,
        Some(_) => return Err(Complaint::of("replace", "invalid", "true or false")),
    };
    let rate = number(fields, "rate", RATE, RATE_MAX)?.max(1);
    Ok(Order { items, top, rate, max: number(fields, "max", PAGES_MAX, PAGES_MAX)?, other })
}

impl Order {
    /// The pages that were asked for most, and nothing else, whatever else is under way.
    pub fn hottest(top: usize, rate: u32) -> Self {
        Self { items: Vec::new(), top, rate, max: PAGES_MAX, other: Other::Replaced }
    }
}

fn foreign(place: &str, text: &str) -> Complaint {
    let message = format!("{text} is no page of this site; send what concerns another to it");
    Complaint { status: 422, ..Complaint::of(place, "another-site", message) }
}

/// A list of texts, each with its place.
fn texts<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
) -> Result<Vec<(String, &'a str)>, Complaint> {
    let wrong = || Complaint::of(name, "invalid", format!("{name} must be a list of texts"));
    let list = match fields.get(name) {
        None => return Ok(Vec::new()),
        Some(list) => list.as_array().ok_or_else(wrong)?,
    };
    if list.len() > PAGES_MAX as usize {
        let message = format!("more than {PAGES_MAX}");
        return Err(Complaint { status: 413, ..Complaint::of(name, "too-many", message) });
    }
    let text = |(index, item): (usize, &'a Value)| {
        Ok((format!("{name}[{index}]"), item.as_str().ok_or_else(wrong)?))
    };
    list.iter().enumerate().map(text).collect()
}

fn number(
    fields: &Map<String, Value>,
    name: &str,
    default: u32,
    most: u32,
) -> Result<u32, Complaint> {
    let wrong = || Complaint::of(name, "invalid", format!("a number up to {most}"));
    let Some(value) = fields.get(name) else { return Ok(default) };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.filter(|number| *number <= most).ok_or_else(wrong)
}

const FIELDS: &[&str] = &["urls", "sitemaps", "tags", "top", "rate", "max", "replace"];

/// Without a wish, a job sends so many requests a second.
const RATE: u32 = 5;

/// No job has more pages.
const PAGES_MAX: u32 = 10_000;

/// No more of what is hot is known.
const TOP_MAX: u32 = 1_000;

const TAG_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Result<Order, Complaint> {
        read(body.as_bytes(), &["https://a.test/api", "https://shop.test/api"], 2)
    }

    #[test]
    fn everything_that_can_be_named_is_taken() {
        let order = asked(
            r#"{"urls":["/b","https://shop.test/c"],"sitemaps":["/sitemap.xml"],"tags":["x y"],
                "top":7,"rate":2,"max":9,"replace":true}"#,
        );
        let tag = |shard| Item::Tag { shard, cursor: 0, tag: "x y".into() };
        let expected = Order {
            items: vec![
                Item::Page("https://a.test/b".into()),
                Item::Page("https://shop.test/c".into()),
                Item::Sitemap("https://a.test/sitemap.xml".into()),
                tag(0),
                tag(1),
            ],
            top: 7,
            rate: 2,
            max: 9,
            other: Other::Replaced,
        };
        assert_eq!(asked(r#"{"top":3,"rate":0}"#).map(|it| (it.rate, it.max)), Ok((1, PAGES_MAX)));
        assert_eq!(order, Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, status, field) in [
            ("", 400, None),
            ("[]", 400, None),
            ("{}", 400, None),
            (r#"{"url":["/"]}"#, 400, Some("url")),
            (r#"{"urls":"/"}"#, 400, Some("urls")),
            (r#"{"urls":["/",7]}"#, 400, Some("urls")),
            (r#"{"urls":["/","//b.test/"]}"#, 422, Some("urls[1]")),
            (r#"{"sitemaps":["http://169.254.169.254/"]}"#, 422, Some("sitemaps[0]")),
            (r#"{"tags":[""]}"#, 400, Some("tags[0]")),
            (r#"{"tags":["a\nb"]}"#, 400, Some("tags[0]")),
            (r#"{"top":1001}"#, 400, Some("top")),
            (r#"{"top":-1}"#, 400, Some("top")),
            (r#"{"top":1,"rate":101}"#, 400, Some("rate")),
            (r#"{"top":1,"replace":1}"#, 400, Some("replace")),
        ] {
            let complaint = asked(body).expect_err(body);
            assert_eq!((complaint.status, complaint.field.as_deref()), (status, field), "{body}");
        }
    }
}
