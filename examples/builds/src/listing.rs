//! Which part of a listing a request asks for.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::words;

/// A listing's filter, order and page, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only builds of this class.
    pub class: Option<String>,
    /// Their order.
    pub sort: Sort,
    /// The page, from 1.
    pub page: i64,
}

/// The order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The most liked first.
    #[default]
    Popular,
    /// The last written first.
    Newest,
    /// In alphabetical order of titles.
    Title,
}

impl Sort {
    /// All orders, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Popular, Self::Newest, Self::Title];

    /// The word in a query.
    pub fn word(self) -> &'static str {
        match self {
            Self::Popular => "popular",
            Self::Newest => "newest",
            Self::Title => "title",
        }
    }
}

/// The query parameters of listings, as sent. Others are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    class: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl Query {
    /// The filter that the parameters mean; 400 names the parameter and what is allowed. An empty
    /// parameter is as good as none, because forms send those.
    pub fn filter(self) -> Result<Filter, Fault> {
        let page = self.page()?;
        let class = self.class.filter(|class| !class.is_empty());
        if let Some(class) = &class
            && !words::CLASSES.iter().any(|known| known.id == class)
        {
            let ids = words::CLASSES.map(|known| known.id).join(", ");
            return Err(Fault::parameter("class", format!("{class:?} is none of {ids}")));
        }
        let sort = match self.sort.as_deref() {
            None | Some("") => Sort::default(),
            Some(word) => {
                Sort::ALL.into_iter().find(|sort| sort.word() == word).ok_or_else(|| {
                    let words = Sort::ALL.map(Sort::word).join(", ");
                    Fault::parameter("sort", format!("{word:?} is none of {words}"))
                })?
            }
        };
        Ok(Filter { class, sort, page })
    }

    /// The page alone.
    pub fn page(&self) -> Result<i64, Fault> {
        match self.page.as_deref() {
            None | Some("") => Ok(1),
            Some(text) => match text.parse() {
                Ok(page @ 1..=LAST_PAGE) => Ok(page),
                _ => {
                    let message = format!("{text:?} is not a number from 1 to {LAST_PAGE}");
                    Err(Fault::parameter("page", message))
                }
            },
        }
    }
}

const LAST_PAGE: i64 = 1_000_000;
