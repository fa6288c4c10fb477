//! Patterns with `*`, matched in linear time.

/// A pattern in which `*` stands for any run of characters, the empty one included.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Glob {
    text: String,
}

impl Glob {
    /// A glob from its text; every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The text it was made of.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `subject` matches. Each literal part is sought once, leftmost first,
    /// so the work is bounded by the subject's length.
    pub fn matches(&self, subject: &str) -> bool {
        let Some((head, rest)) = self.text.split_once('*') else {
            return self.text == subject;
        };
        let Some(mut subject) = subject.strip_prefix(head) else { return false };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            let Some((_, after)) = subject.split_once(part) else { return false };
            subject = after;
        }
        subject.ends_with(tail)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn stars_stand_for_any_run() {
        for (glob, subject, expected) in [
            ("user:*", "user:7", true),
            ("user:*", "users", false),
            ("*", "", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*x*x", "axbx", true),
            ("*x*x", "ax", false),
            ("plain", "plain", true),
            ("plain", "plainer", false),
            ("**", "anything", true),
        ] {
            assert_eq!(Glob::new(glob).matches(subject), expected, "{glob} on {subject}");
        }
    }
}
