//! JSON as it stands, and in one form, so that what means the same is the same text.
//!
//! All JSON is read from octets and written by one serializer: each other way that serde_json has
//! would be compiled anew, and weigh some kilobytes of the Worker.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::sort::sort_by;

/// Reads a value; the error tells where it is none.
pub fn value(octets: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(octets)
}

/// An object of these members, of which the last of a name counts.
pub fn object(members: impl IntoIterator<Item = (String, Value)>) -> Value {
    // Not collected: a map that is made at once sorts its members first, by a sort of its own.
    let mut object = Map::new();
    object.extend(members);
    Value::Object(object)
}

/// A value's text, without whitespace.
pub fn text(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The text of a list of texts.
pub fn list(words: &[&str]) -> String {
    serde_json::to_string(words).unwrap_or_default()
}

/// A JSON value as it stands.
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
    /// An object: its members in their order.
    Table(Table),
    /// A text.
    Text(String),
}

/// The members of an object in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(pub Vec<(String, Json)>);

impl Table {
    /// The first member of a name.
    pub fn find(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }
}

impl Json {
    /// Reads a value as it stands; an error if it is none, or is nested too deeply.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Reads a value in which no name stands twice: of two, parsers take the one or the other.
    /// `None` if it is none, or is nested too deeply.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut value = Self::read(bytes).ok()?;
        value.settle().then_some(value)
    }

    /// Sorts all objects; whether no name stands twice in one.
    fn settle(&mut self) -> bool {
        match self {
            Self::List(items) => items.iter_mut().all(Self::settle),
            Self::Table(Table(members)) => {
                sort_by(members, |a, b| a.0.cmp(&b.0));
                let next = members.iter().skip(1);
                let unique = members.iter().zip(next).all(|((a, _), (b, _))| a != b);
                unique && members.iter_mut().all(|(_, value)| value.settle())
            }
            _ => true,
        }
    }

    /// A text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
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
            Self::Table(Table(members)) => {
                text.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
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
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Json::Table(Table(members)))
    }
}
