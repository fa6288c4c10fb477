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

    /// Whether some text that begins with `start` matches.
    pub fn matches_from(&self, start: &str) -> bool {
        match self.text.split_once('*') {
            None => self.text.starts_with(start),
            // At the star anything may come, and after that whatever else the glob asks for.
            Some((head, _)) => start.starts_with(head) || head.starts_with(start),
        }
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
    fn texts_that_begin_in_a_certain_way_may_match() {
        for (glob, start, expected) in [
            ("/p?a=*", "/p?", true),
            ("/p*z", "/p?", true),
            ("/p?a=1", "/p?", true),
            ("/p", "/p?", false),
            ("/q*", "/p?", false),
            ("*b", "/p?", true),
        ] {
            assert_eq!(Glob::new(glob).matches_from(start), expected, "{glob} from {start}");
        }
    }

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
