//! What the catalogue knows, read from the database.

use rusqlite::{Row, params};
use serde::Serialize;

use crate::database::Session;
use crate::fault::Fault;
use crate::listing::{Filter, Sort};
use crate::moment::Moment;
use crate::purge::tag;

/// A class of characters.
#[derive(Clone, Debug, Serialize)]
pub struct Class {
    /// Its id, as in `/classes/warden`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does in a party.
    pub role: String,
    /// A few sentences about it.
    pub description: String,
    /// How many builds it has.
    pub builds: i64,
}

/// A user of the site.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// Its id, as in `/users/7`.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// When it joined.
    pub joined_at: Moment,
    /// How many builds it has written.
    pub builds: i64,
    /// How many builds it likes.
    pub liked: i64,
}

/// A build as listings show it.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// Its id, as in `/builds/12`.
    pub id: i64,
    /// Its title.
    pub title: String,
    /// A sentence about it.
    pub summary: String,
    /// Its class.
    pub class: ClassName,
    /// Who wrote it.
    pub author: UserName,
    /// From 1 (easy) to 5.
    pub difficulty: i64,
    /// The points it spends.
    pub attributes: Attributes,
    /// How many users like it.
    pub likes: i64,
    /// When it was written.
    pub created_at: Moment,
    /// When it, or its number of likes, last changed.
    pub changed_at: Moment,
}

/// A build with everything about it.
#[derive(Clone, Debug, Serialize)]
pub struct Build {
    /// What listings show.
    #[serde(flatten)]
    pub card: Card,
    /// Its skills, the most important first.
    pub skills: Vec<String>,
    /// How to play it; paragraphs with empty lines between them.
    pub guide: String,
}

/// A class in passing.
#[derive(Clone, Debug, Serialize)]
pub struct ClassName {
    /// The class' id.
    pub id: String,
    /// The class' name.
    pub name: String,
}

/// A user in passing.
#[derive(Clone, Debug, Serialize)]
pub struct UserName {
    /// The user's id.
    pub id: i64,
    /// The user's name.
    pub name: String,
}

/// The points of a build, each from 1 to 20, at most 60 together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Damage and carrying.
    pub might: i64,
    /// Speed and aim.
    pub agility: i64,
    /// Magic.
    pub focus: i64,
    /// Health.
    pub vigor: i64,
    /// The rest.
    pub luck: i64,
}

impl Attributes {
    /// Names and points, in the order of the fields.
    pub fn named(&self) -> [(&'static str, i64); 5] {
        [
            ("might", self.might),
            ("agility", self.agility),
            ("focus", self.focus),
            ("vigor", self.vigor),
            ("luck", self.luck),
        ]
    }
}

/// A page of a listing of builds.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// The builds of this page.
    pub builds: Vec<Card>,
    /// This page's number, from 1.
    pub page: i64,
    /// How many pages there are, at least 1.
    pub pages: i64,
    /// How many builds there are on all pages.
    pub total: i64,
}

/// A page of all builds, or of a class'.
pub fn listing(session: &Session<'_>, filter: &Filter) -> Result<Listing, Fault> {
    let class = filter.class.as_deref();
    let total = session
        .first(
            "SELECT count(*) FROM builds WHERE ?1 IS NULL OR class = ?1",
            params![class],
            |row| row.get(0),
        )?
        .unwrap_or(0);
    let pages = pages_of(total, filter.page)?;
    let order = match filter.sort {
        Sort::Popular => "b.likes DESC, b.id DESC",
        Sort::Newest => "b.created_at DESC, b.id DESC",
        Sort::Title => "b.title COLLATE NOCASE, b.id",
    };
    let condition = match class {
        Some(_) => "b.class = ?3",
        None => "?3 IS NULL",
    };
    let sql = format!("{CARDS} WHERE {condition} ORDER BY {order} LIMIT ?1 OFFSET ?2");
    let builds = session.all(&sql, params![PAGE, (filter.page - 1) * PAGE, class], card)?;
    Ok(Listing { builds, page: filter.page, pages, total })
}

/// The most liked builds with a text in their title or summary.
pub fn search(session: &Session<'_>, text: &str, class: Option<&str>) -> Result<Vec<Card>, Fault> {
    let sql = format!(
        "{CARDS} WHERE (instr(lower(b.title), lower(?1)) OR instr(lower(b.summary), lower(?1)))
         AND (?2 IS NULL OR b.class = ?2) ORDER BY b.likes DESC, b.id DESC LIMIT {PAGE}"
    );
    Ok(session.all(&sql, params![text, class], card)?)
}

/// The first few builds of a listing.
pub fn top(
    session: &Session<'_>,
    class: Option<&str>,
    sort: Sort,
    count: usize,
) -> Result<Vec<Card>, Fault> {
    let filter = Filter { class: class.map(str::to_owned), sort, page: 1 };
    let mut builds = listing(session, &filter)?.builds;
    builds.truncate(count);
    Ok(builds)
}

/// A build; 404 if there is none.
pub fn build(session: &Session<'_>, id: i64) -> Result<Build, Fault> {
    let guide = session
        .first(&format!("{CARDS} WHERE b.id = ?1"), params![id], |row| {
            Ok((card(row)?, row.get::<_, String>("guide")?))
        })?
        .ok_or_else(|| Fault::absent("build", id, tag::build(id)))?;
    let skills = session.all(
        "SELECT name FROM skills WHERE build = ?1 ORDER BY position",
        params![id],
        |row| row.get(0),
    )?;
    Ok(Build { card: guide.0, skills, guide: guide.1 })
}

/// All classes, as the site shows them.
pub fn classes(session: &Session<'_>) -> Result<Vec<Class>, Fault> {
    Ok(session.all(&format!("{CLASSES} ORDER BY c.rowid"), [], class_row)?)
}

/// A class; 404 if there is none.
pub fn class(session: &Session<'_>, id: &str) -> Result<Class, Fault> {
    session
        .first(&format!("{CLASSES} WHERE c.id = ?1"), params![id], class_row)?
        .ok_or_else(|| Fault::not_found(format!("there is no class {id:?}")))
}

/// A user; 404 if there is none.
pub fn user(session: &Session<'_>, id: i64) -> Result<User, Fault> {
    session
        .first(
            "SELECT u.id, u.name, u.joined_at,
                 (SELECT count(*) FROM builds WHERE author = u.id) AS builds,
                 (SELECT count(*) FROM likes WHERE user = u.id) AS liked
             FROM users u WHERE u.id = ?1",
            params![id],
            |row| {
                Ok(User {
                    id: row.get("id")?,
                    name: row.get("name")?,
                    joined_at: Moment(row.get("joined_at")?),
                    builds: row.get("builds")?,
                    liked: row.get("liked")?,
                })
            },
        )?
        .ok_or_else(|| Fault::absent("user", id, tag::user(id)))
}

/// The names of all users, in alphabetical order.
pub fn users(session: &Session<'_>) -> Result<Vec<UserName>, Fault> {
    Ok(session.all("SELECT id, name FROM users ORDER BY name", [], |row| {
        Ok(UserName { id: row.get(0)?, name: row.get(1)? })
    })?)
}

/// A page of what a user has written, the newest first.
pub fn written(session: &Session<'_>, user: &User, page: i64) -> Result<Listing, Fault> {
    let sql = format!("{CARDS} WHERE b.author = ?1 ORDER BY b.created_at DESC, b.id DESC");
    page_of(session, &sql, user.id, user.builds, page)
}

/// A page of what a user likes, the last liked first.
pub fn liked(session: &Session<'_>, user: &User, page: i64) -> Result<Listing, Fault> {
    let sql = format!(
        "{CARDS} JOIN likes l ON l.build = b.id WHERE l.user = ?1
         ORDER BY l.liked_at DESC, b.id DESC"
    );
    page_of(session, &sql, user.id, user.liked, page)
}

/// The id of some build, chosen by the database.
pub fn any(session: &Session<'_>) -> Result<i64, Fault> {
    session
        .first("SELECT id FROM builds ORDER BY random() LIMIT 1", [], |row| row.get(0))?
        .ok_or_else(|| Fault::not_found("there are no builds yet"))
}

fn page_of(
    session: &Session<'_>,
    sql: &str,
    user: i64,
    total: i64,
    page: i64,
) -> Result<Listing, Fault> {
    let pages = pages_of(total, page)?;
    let sql = format!("{sql} LIMIT ?2 OFFSET ?3");
    let builds = session.all(&sql, params![user, PAGE, (page - 1) * PAGE], card)?;
    Ok(Listing { builds, page, pages, total })
}

fn pages_of(total: i64, page: i64) -> Result<i64, Fault> {
    let pages = ((total + PAGE - 1) / PAGE).max(1);
    if page > pages {
        return Err(Fault::not_found(format!("there is no page {page}; the last is {pages}")));
    }
    Ok(pages)
}

fn card(row: &Row<'_>) -> rusqlite::Result<Card> {
    Ok(Card {
        id: row.get("id")?,
        title: row.get("title")?,
        summary: row.get("summary")?,
        class: ClassName { id: row.get("class")?, name: row.get("class_name")? },
        author: UserName { id: row.get("author")?, name: row.get("author_name")? },
        difficulty: row.get("difficulty")?,
        attributes: Attributes {
            might: row.get("might")?,
            agility: row.get("agility")?,
            focus: row.get("focus")?,
            vigor: row.get("vigor")?,
            luck: row.get("luck")?,
        },
        likes: row.get("likes")?,
        created_at: Moment(row.get("created_at")?),
        changed_at: Moment(row.get("changed_at")?),
    })
}

fn class_row(row: &Row<'_>) -> rusqlite::Result<Class> {
    Ok(Class {
        id: row.get("id")?,
        name: row.get("name")?,
        role: row.get("role")?,
        description: row.get("description")?,
        builds: row.get("builds")?,
    })
}

/// Builds on one page of a listing.
const PAGE: i64 = 24;

const CARDS: &str = "SELECT b.*, c.name AS class_name, u.name AS author_name FROM builds b
     JOIN classes c ON c.id = b.class JOIN users u ON u.id = b.author";

const CLASSES: &str = "SELECT c.*, (SELECT count(*) FROM builds WHERE class = c.id) AS builds
     FROM classes c";
