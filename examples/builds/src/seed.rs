//! The seeded catalogue: the same few thousand builds in every new database.

use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rusqlite::{Connection, params};

use crate::words::{self, ClassWords};

/// Fills an empty database. The generator is one whose output is fixed for good, so every
/// database has the same rows.
pub fn plant(connection: &Connection) -> rusqlite::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    plant_classes(connection)?;
    plant_users(connection, &mut rng)?;
    plant_builds(connection, &mut rng)?;
    plant_likes(connection, &mut rng)
}

/// How many builds a new catalogue has.
pub const BUILDS: i64 = 3000;

/// How many users a new catalogue has.
pub const USERS: i64 = 240;

fn plant_classes(connection: &Connection) -> rusqlite::Result<()> {
    let mut insert = connection.prepare("INSERT INTO classes VALUES (?1, ?2, ?3, ?4)")?;
    for class in &words::CLASSES {
        insert.execute(params![class.id, class.name, class.role, class.description])?;
    }
    Ok(())
}

fn plant_users(connection: &Connection, rng: &mut ChaCha8Rng) -> rusqlite::Result<()> {
    let mut insert = connection.prepare("INSERT INTO users VALUES (?1, ?2, ?3)")?;
    let mut taken = BTreeSet::new();
    let mut id = 0;
    while id < USERS {
        let name = format!("{} {}", pick(rng, &words::FIRST_NAMES), pick(rng, &words::LAST_NAMES));
        if taken.insert(name.clone()) {
            id += 1;
            insert.execute(params![id, name, OPENED + rng.random_range(0..90 * DAY)])?;
        }
    }
    Ok(())
}

fn plant_builds(connection: &Connection, rng: &mut ChaCha8Rng) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO builds (id, title, class, author, difficulty, summary, guide, might, agility,
             focus, vigor, luck, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)",
    )?;
    let mut skill = connection.prepare("INSERT INTO skills VALUES (?1, ?2, ?3)")?;
    for id in 1..=BUILDS {
        let class = &words::CLASSES[rng.random_range(0..words::CLASSES.len())];
        let skills = hand(rng, &class.skills, 5);
        let [might, agility, focus, vigor, luck] = attributes(rng, class);
        // Later builds have later dates, so that the newest have the highest ids.
        let created = OPENED + 90 * DAY + id * SPACING + rng.random_range(0..SPACING);
        insert.execute(params![
            id,
            title(rng, class),
            class.id,
            skewed(rng, USERS),
            rng.random_range(1..=5),
            summary(rng, class, &skills),
            guide(rng, class, &skills),
            might,
            agility,
            focus,
            vigor,
            luck,
            created,
        ])?;
        for (position, name) in (0_i64..).zip(&skills) {
            skill.execute(params![id, position, name])?;
        }
    }
    Ok(())
}

fn plant_likes(connection: &Connection, rng: &mut ChaCha8Rng) -> rusqlite::Result<()> {
    // What is liked most should not be what was written first.
    let mut ranking: Vec<i64> = (1..=BUILDS).collect();
    for last in (1..ranking.len()).rev() {
        ranking.swap(last, rng.random_range(0..=last));
    }
    let mut insert = connection.prepare("INSERT OR IGNORE INTO likes VALUES (?1, ?2, ?3)")?;
    for at in 0..LIKES {
        let rank = usize::try_from(skewed(rng, BUILDS) - 1).unwrap_or(0);
        insert.execute(params![rng.random_range(1..=USERS), ranking[rank], LIKED + at * 60])?;
    }
    connection.execute_batch(
        "UPDATE builds SET likes = (SELECT count(*) FROM likes WHERE build = builds.id)",
    )
}

fn title(rng: &mut ChaCha8Rng, class: &ClassWords) -> String {
    let epithet = pick(rng, &words::EPITHETS);
    let noun = pick(rng, &class.nouns);
    match rng.random_range(0..3) {
        0 => format!("{epithet} {noun}"),
        1 => format!("{noun} of the {}", pick(rng, &words::PLACES)),
        _ => format!("{epithet} {noun} of the {}", pick(rng, &words::PLACES)),
    }
}

fn summary(rng: &mut ChaCha8Rng, class: &ClassWords, skills: &[&str]) -> String {
    let pattern = pick(rng, &words::SUMMARIES);
    fill(pattern, class, skills)
}

fn guide(rng: &mut ChaCha8Rng, class: &ClassWords, skills: &[&str]) -> String {
    [&words::OPENINGS, &words::ROTATIONS, &words::GEAR]
        .map(|patterns| fill(pick(rng, patterns), class, skills))
        .join("\n\n")
}

fn fill(pattern: &str, class: &ClassWords, skills: &[&str]) -> String {
    let mut text = pattern.replace("{class}", class.name).replace("{role}", class.role);
    for (name, skill) in ["{a}", "{b}", "{c}"].iter().zip(skills) {
        text = text.replace(name, skill);
    }
    text
}

/// Five attributes from 1 to 20 that lean to the class' strengths; 60 points at most.
fn attributes(rng: &mut ChaCha8Rng, class: &ClassWords) -> [i64; 5] {
    let mut points = class.leaning;
    for _ in 0..14 {
        let at = rng.random_range(0..points.len());
        if points[at] < 20 {
            points[at] += 1;
        }
    }
    points
}

/// A number from 1 to `top`, the small ones far more often: as readers choose what to read.
fn skewed(rng: &mut ChaCha8Rng, top: i64) -> i64 {
    let draw = |rng: &mut ChaCha8Rng| rng.random_range(0..top);
    let smallest = draw(rng).min(draw(rng)).min(draw(rng)).min(draw(rng));
    smallest + 1
}

fn pick<'w>(rng: &mut ChaCha8Rng, words: &[&'w str]) -> &'w str {
    words[rng.random_range(0..words.len())]
}

/// `count` different words, in a random order.
fn hand<'w>(rng: &mut ChaCha8Rng, words: &[&'w str], count: usize) -> Vec<&'w str> {
    let mut rest = words.to_vec();
    (0..count).map(|_| rest.swap_remove(rng.random_range(0..rest.len()))).collect()
}

const SEED: u64 = 0x0b8e_adb0;

const LIKES: i64 = 26_000;

const DAY: i64 = 24 * 60 * 60;

/// 1 January 2025, when the site opened.
const OPENED: i64 = 1_735_689_600;

/// 1 September 2025, when likes were introduced.
const LIKED: i64 = 1_756_684_800;

/// One build about every 85 minutes.
const SPACING: i64 = 85 * 60;
