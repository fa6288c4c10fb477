//! What an author sends for a new or changed build, and what is acceptable.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Attributes, Build};
use crate::fault::Wrong;
use crate::words;

/// A build as its author sends it, in JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The user who writes.
    pub author: i64,
    /// 3 to 80 characters.
    pub title: String,
    /// The id of a class.
    pub class: String,
    /// 1 to 5.
    pub difficulty: i64,
    /// 10 to 200 characters.
    pub summary: String,
    /// At most 4000 characters.
    #[serde(default)]
    pub guide: String,
    /// 1 to 8 skills of 2 to 40 characters, the most important first.
    pub skills: Vec<String>,
    /// 1 to 20 points each, 60 together.
    pub attributes: Attributes,
}

impl Draft {
    /// The draft without stray white space, or everything that is wrong with it.
    pub fn checked(mut self) -> Result<Self, Vec<Wrong>> {
        self.title = self.title.trim().to_owned();
        self.summary = self.summary.trim().to_owned();
        self.guide = self.guide.trim().replace("\r\n", "\n");
        self.skills = self.skills.iter().map(|skill| skill.trim().to_owned()).collect();
        let wrong: Vec<Wrong> = [
            length("title", &self.title, 3, 80),
            one_line("title", &self.title),
            self.class_fault(),
            range("difficulty", self.difficulty, 1, 5),
            length("summary", &self.summary, 10, 200),
            one_line("summary", &self.summary),
            length("guide", &self.guide, 0, 4000),
            self.skills_fault(),
            self.sum_fault(),
        ]
        .into_iter()
        .flatten()
        .chain(
            self.attributes.named().iter().filter_map(|(name, points)| range(name, *points, 1, 20)),
        )
        .collect();
        if wrong.is_empty() { Ok(self) } else { Err(wrong) }
    }

    fn class_fault(&self) -> Option<Wrong> {
        let known = words::CLASSES.iter().any(|class| class.id == self.class);
        let ids = words::CLASSES.map(|class| class.id).join(", ");
        (!known).then(|| Wrong::new("class", format!("{:?} is none of {ids}", self.class)))
    }

    fn skills_fault(&self) -> Option<Wrong> {
        if !(1..=8).contains(&self.skills.len()) {
            let found = self.skills.len();
            return Some(Wrong::new("skills", format!("{found} skills; 1 to 8 are allowed")));
        }
        self.skills.iter().find_map(|skill| length("skills", skill, 2, 40))
    }

    fn sum_fault(&self) -> Option<Wrong> {
        // Saturating, because each number is the client's.
        let points = self.attributes.named().map(|(_, points)| points);
        let sum = points.into_iter().fold(0_i64, i64::saturating_add);
        (sum > 60).then(|| Wrong::new("attributes", format!("{sum} points; at most 60")))
    }
}

/// A build as the HTML form sends it: text only, kept as typed so that the form can show it again.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sheet {
    /// The title.
    #[serde(default)]
    pub title: String,
    /// The class' id.
    #[serde(default)]
    pub class: String,
    /// A number.
    #[serde(default)]
    pub difficulty: String,
    /// The summary.
    #[serde(default)]
    pub summary: String,
    /// The guide.
    #[serde(default)]
    pub guide: String,
    /// One skill a line.
    #[serde(default)]
    pub skills: String,
    /// A number.
    #[serde(default)]
    pub might: String,
    /// A number.
    #[serde(default)]
    pub agility: String,
    /// A number.
    #[serde(default)]
    pub focus: String,
    /// A number.
    #[serde(default)]
    pub vigor: String,
    /// A number.
    #[serde(default)]
    pub luck: String,
}

impl Sheet {
    /// The form of a new build.
    pub fn blank() -> Self {
        let ten = || "10".to_owned();
        Self {
            difficulty: "3".to_owned(),
            might: ten(),
            agility: ten(),
            focus: ten(),
            vigor: ten(),
            luck: ten(),
            ..Self::default()
        }
    }

    /// The form of a build that is there.
    pub fn of(build: Build) -> Self {
        let points = build.card.attributes;
        Self {
            title: build.card.title,
            class: build.card.class.id,
            difficulty: build.card.difficulty.to_string(),
            summary: build.card.summary,
            guide: build.guide,
            skills: build.skills.join("\n"),
            might: points.might.to_string(),
            agility: points.agility.to_string(),
            focus: points.focus.to_string(),
            vigor: points.vigor.to_string(),
            luck: points.luck.to_string(),
        }
    }

    /// The draft that `author` means, checked, or everything that is wrong with it.
    pub fn draft(&self, author: i64) -> Result<Draft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut number = |field: &'static str, text: &str| match text.trim().parse() {
            Ok(number) => number,
            Err(_) => {
                wrong.push(Wrong::new(field, format!("{text:?} is not a whole number")));
                // Acceptable, so that the check below does not blame the field twice.
                1
            }
        };
        let draft = Draft {
            author,
            title: self.title.clone(),
            class: self.class.clone(),
            difficulty: number("difficulty", &self.difficulty),
            summary: self.summary.clone(),
            guide: self.guide.clone(),
            skills: self
                .skills
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned)
                .collect(),
            attributes: Attributes {
                might: number("might", &self.might),
                agility: number("agility", &self.agility),
                focus: number("focus", &self.focus),
                vigor: number("vigor", &self.vigor),
                luck: number("luck", &self.luck),
            },
        };
        match draft.checked() {
            Ok(draft) if wrong.is_empty() => Ok(draft),
            Ok(_) => Err(wrong),
            Err(more) => {
                wrong.extend(more);
                Err(wrong)
            }
        }
    }
}

fn length(field: &'static str, text: &str, least: usize, most: usize) -> Option<Wrong> {
    let found = text.chars().count();
    let message = || format!("{found} characters; {least} to {most} are allowed");
    (found < least || found > most).then(|| Wrong::new(field, message()))
}

fn one_line(field: &'static str, text: &str) -> Option<Wrong> {
    let control = text.chars().any(char::is_control);
    control.then(|| Wrong::new(field, "control characters are not allowed"))
}

fn range(field: &'static str, found: i64, least: i64, most: i64) -> Option<Wrong> {
    let message = || format!("{found} is not a number from {least} to {most}");
    (found < least || found > most).then(|| Wrong::new(field, message()))
}
