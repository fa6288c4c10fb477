//! JSON in one form, so that what means the same is the same text.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value in which no name stands twice: of two, parsers take the one or the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `true`, `false`.
    Flag(bool),
    /// A whole number that is known exactly.
    Integer(i128),
    /// A list.
    List(Vec<Json>),
    /// `null`.
    Null,
    /// Any other number: how it was written is lost.
    Number,
    /// An object.
    Table(BTreeMap<String, Json>),
    /// A text.
    Text(String),
}

impl Json {
    /// Reads a value; `None` if it is none, holds a name twice, or is nested too deeply.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The value's text; `None` if a number in it is not known exactly.
    pub fn form(&self) -> Option<String> {
        let mut text = String::new();
        self.write(&mut text)?;
        Some(text)
    }

    fn write(&self, text: &mut String) -> Option<()> {
        match self {
            Self::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
            Self::Integer(number) => text.push_str(&number.to_string()),
            Self::List(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    item.write(text)?;
                }
                text.push(']');
            }
            Self::Null => text.push_str("null"),
            Self::Number => return None,
            Self::Table(table) => {
                text.push('{');
                for (index, (name, value)) in table.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    text.push_str(&serde_json::to_string(name).ok()?);
                    text.push(':');
                    value.write(text)?;
                }
                text.push('}');
            }
            Self::Text(value) => text.push_str(&serde_json::to_string(value).ok()?),
        }
        Some(())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Flag(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, Json>()? {
            if table.insert(name, value).is_some() {
                return Err(de::Error::custom("a name stands twice"));
            }
        }
        Ok(Json::Table(table))
    }
}
