//! The changes that users make, each one transaction, and the tags that each of them touches.

use rusqlite::params;

use crate::catalogue;
use crate::database::Session;
use crate::draft::Draft;
use crate::fault::{Fault, Wrong};
use crate::moment::Moment;
use crate::purge::Purge;

/// What a change did: the build it is about and what has to be purged for it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The build's id.
    pub build: i64,
    /// Whether anything is different now.
    pub effect: Effect,
    /// The tags it touched.
    pub purge: Purge,
}

/// Whether a change changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The database is different now.
    Changed,
    /// It was like that before.
    Unchanged,
}

/// Adds a checked draft to the catalogue.
pub fn create(session: &Session<'_>, draft: &Draft) -> Result<Change, Fault> {
    known_author(session, draft.author)?;
    let now = Moment::now();
    let points = draft.attributes;
    session.run(
        "INSERT INTO builds (title, class, author, difficulty, summary, guide, might, agility,
             focus, vigor, luck, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)",
        params![
            draft.title,
            draft.class,
            draft.author,
            draft.difficulty,
            draft.summary,
            draft.guide,
            points.might,
            points.agility,
            points.focus,
            points.vigor,
            points.luck,
            now.0,
        ],
    )?;
    let build = session.inserted();
    put_skills(session, build, &draft.skills)?;
    let mut purge = Purge::default();
    // The new page may be remembered as absent.
    purge.invalidate_build(build);
    purge.invalidate_all_builds();
    purge.invalidate_user_builds(draft.author);
    purge.invalidate_class(&draft.class);
    Ok(Change { build, effect: Effect::Changed, purge })
}

/// Replaces a build by a checked draft of its own author.
pub fn edit(session: &Session<'_>, build: i64, draft: &Draft) -> Result<Change, Fault> {
    let before = catalogue::build(session, build)?.card;
    if before.author.id != draft.author {
        let author = &before.author;
        return Err(Fault::forbidden(format!(
            "only its author, {} (user {}), may edit build {build}",
            author.name, author.id
        )));
    }
    let points = draft.attributes;
    session.run(
        "UPDATE builds SET title = ?2, class = ?3, difficulty = ?4, summary = ?5, guide = ?6,
             might = ?7, agility = ?8, focus = ?9, vigor = ?10, luck = ?11, changed_at = ?12
         WHERE id = ?1",
        params![
            build,
            draft.title,
            draft.class,
            draft.difficulty,
            draft.summary,
            draft.guide,
            points.might,
            points.agility,
            points.focus,
            points.vigor,
            points.luck,
            Moment::now().0,
        ],
    )?;
    session.run("DELETE FROM skills WHERE build = ?1", params![build])?;
    put_skills(session, build, &draft.skills)?;
    let mut purge = Purge::default();
    purge.invalidate_build(build);
    purge.invalidate_all_builds();
    purge.invalidate_user_builds(draft.author);
    purge.invalidate_class(&before.class.id);
    purge.invalidate_class(&draft.class);
    Ok(Change { build, effect: Effect::Changed, purge })
}

/// Notes that a user likes a build; doing it again changes nothing.
pub fn like(session: &Session<'_>, build: i64, user: i64) -> Result<Change, Fault> {
    let card = catalogue::build(session, build)?.card;
    known_user(session, "user", user)?;
    let now = Moment::now().0;
    let added = session
        .run("INSERT OR IGNORE INTO likes VALUES (?1, ?2, ?3)", params![user, build, now])?;
    let mut purge = Purge::default();
    if added == 0 {
        return Ok(Change { build, effect: Effect::Unchanged, purge });
    }
    session.run(
        "UPDATE builds SET likes = likes + 1, changed_at = ?2 WHERE id = ?1",
        params![build, now],
    )?;
    purge.invalidate_build(build);
    purge.invalidate_liked_builds(user);
    // One like more hardly moves a listing: it may be shown once more while it is refreshed.
    purge.refresh_all_builds();
    purge.refresh_user_builds(card.author.id);
    purge.refresh_class(&card.class.id);
    Ok(Change { build, effect: Effect::Changed, purge })
}

fn known_author(session: &Session<'_>, author: i64) -> Result<(), Fault> {
    known_user(session, "author", author)
}

fn known_user(session: &Session<'_>, field: &'static str, id: i64) -> Result<(), Fault> {
    match session.first("SELECT 1 FROM users WHERE id = ?1", params![id], |_| Ok(()))? {
        Some(()) => Ok(()),
        None => Err(Fault::invalid(vec![Wrong::new(field, format!("there is no user {id}"))])),
    }
}

fn put_skills(session: &Session<'_>, build: i64, skills: &[String]) -> Result<(), Fault> {
    for (position, name) in (0_i64..).zip(skills) {
        session.run("INSERT INTO skills VALUES (?1, ?2, ?3)", params![build, position, name])?;
    }
    Ok(())
}
