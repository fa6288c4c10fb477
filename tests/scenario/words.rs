//! Replies in a few words.

use breadbox::cache::exchange::{Content, Piece, Reply};

/// Status, body and verdict; `origin` is what the origin has sent.
pub fn shown(reply: &Reply<String>, origin: Option<&str>) -> String {
    let body = match &reply.content {
        Content::Stored(body, None) => body.clone(),
        Content::Stored(body, Some(pieces)) => pieces.iter().map(|p| cut(body, p)).collect(),
        Content::Origin | Content::OriginKept => origin.unwrap_or("").to_owned(),
        Content::Head(length) => format!("({length})"),
        Content::Empty | Content::Text(_) => "-".to_owned(),
    };
    let body = if body.is_empty() { "-".to_owned() } else { body };
    format!("{} {body} {}", reply.head.status, reply.status.verdict)
}

fn cut(body: &str, piece: &Piece) -> String {
    match piece {
        Piece::Range(range) => {
            let (from, to) = (range.first as usize, range.last as usize);
            body.get(from..=to).unwrap_or("").to_owned()
        }
        Piece::Text(text) => text.clone(),
    }
}
