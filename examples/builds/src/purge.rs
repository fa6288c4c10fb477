//! What has to be purged from the edge after a change: sets of tags.
//!
//! The tags, and which responses carry them: `builds` every listing of builds; `class:<id>` what
//! is about a class; `build:<id>` a build's page and the liked listings that show it;
//! `user:<id>` what a user has written; `liked:<id>` what a user likes.

use std::collections::BTreeSet;

/// The names of the tags.
pub mod tag {
    /// Every listing of builds.
    pub const BUILDS: &str = "builds";

    /// A build's page, and the liked listings that show it.
    pub fn build(id: i64) -> String {
        format!("build:{id}")
    }

    /// What is about a class.
    pub fn class(id: &str) -> String {
        format!("class:{id}")
    }

    /// What a user has written.
    pub fn user(id: i64) -> String {
        format!("user:{id}")
    }

    /// What a user likes.
    pub fn liked(id: i64) -> String {
        format!("liked:{id}")
    }
}

/// A purge that is due. Purges are idempotent, so two can always be merged into one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purge {
    /// Tags whose responses must not be seen again.
    pub hard: BTreeSet<String>,
    /// Tags whose responses may be seen while they are refreshed.
    pub soft: BTreeSet<String>,
    /// All responses instead, because there were too many tags.
    pub everything: bool,
}

impl Purge {
    /// A build's page is wrong now.
    pub fn invalidate_build(&mut self, id: i64) {
        self.hard.insert(tag::build(id));
    }

    /// Every listing of builds is wrong now.
    pub fn invalidate_all_builds(&mut self) {
        self.hard.insert(tag::BUILDS.to_owned());
    }

    /// What a user has written is wrong now.
    pub fn invalidate_user_builds(&mut self, user: i64) {
        self.hard.insert(tag::user(user));
    }

    /// What a user likes is wrong now.
    pub fn invalidate_liked_builds(&mut self, user: i64) {
        self.hard.insert(tag::liked(user));
    }

    /// What is about a class is wrong now.
    pub fn invalidate_class(&mut self, id: &str) {
        self.hard.insert(tag::class(id));
    }

    /// Listings of builds are a little out of date.
    pub fn refresh_all_builds(&mut self) {
        self.soft.insert(tag::BUILDS.to_owned());
    }

    /// What a user has written is a little out of date.
    pub fn refresh_user_builds(&mut self, user: i64) {
        self.soft.insert(tag::user(user));
    }

    /// What is about a class is a little out of date.
    pub fn refresh_class(&mut self, id: &str) {
        self.soft.insert(tag::class(id));
    }

    /// Whether there is nothing to purge.
    pub fn is_empty(&self) -> bool {
        self.tags() == 0 && !self.everything
    }

    /// How many tags it names.
    pub fn tags(&self) -> usize {
        self.hard.len() + self.soft.len()
    }

    /// Adds another purge; a purge of more than `limit` tags becomes one of everything, which is
    /// always right and only costs hits.
    pub fn merge(&mut self, other: Self, limit: usize) -> Merged {
        self.hard.extend(other.hard);
        self.soft.extend(other.soft);
        let collapsed = self.tags() > limit;
        self.everything |= other.everything || collapsed;
        if self.everything {
            self.hard.clear();
            self.soft.clear();
        }
        if collapsed { Merged::Collapsed } else { Merged::Kept }
    }
}

/// What became of two purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// One with the tags of both.
    Kept,
    /// One of everything.
    Collapsed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tags: &[&str]) -> Purge {
        let hard = tags.iter().map(|&tag| tag.to_owned()).collect();
        Purge { hard, ..Purge::default() }
    }

    #[test]
    fn merging_keeps_every_tag_once() {
        let mut purge = of(&["a", "b"]);
        assert_eq!(purge.merge(of(&["b", "c"]), 3), Merged::Kept);
        assert_eq!(purge, of(&["a", "b", "c"]));
    }

    #[test]
    fn too_many_tags_become_everything() {
        let mut purge = of(&["a", "b"]);
        assert_eq!(purge.merge(of(&["c", "d"]), 3), Merged::Collapsed);
        assert_eq!(purge, Purge { everything: true, ..Purge::default() });
        assert_eq!(purge.merge(of(&["e"]), 3), Merged::Kept);
        assert!(purge.everything && purge.tags() == 0);
    }
}
