//! The URLs to warm: from the command line, files, sitemaps, and what is hot.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io::read_to_string;
use std::path::Path;

use anyhow::{Context, Result, bail};
use roxmltree::{Document, ParsingOptions};

use super::Order;
use crate::edge::Edge;

/// Paths of the site, each once, in the order in which they were named.
#[derive(Debug)]
pub struct List {
    /// Them.
    pub paths: Vec<String>,
    /// How many URLs were of other hosts.
    pub foreign: usize,
    hosts: Vec<String>,
    seen: HashSet<String>,
    max: usize,
}

impl List {
    /// An empty list for the edge's site.
    pub fn new(edge: &Edge, more: &[String], max: usize) -> Self {
        let hosts = more.iter().map(|host| host.to_ascii_lowercase());
        let hosts = hosts.chain([edge.host().to_owned()]).collect();
        Self { paths: Vec::new(), foreign: 0, hosts, seen: HashSet::new(), max }
    }

    /// Reads everything that the order names.
    pub fn read(&mut self, edge: &Edge, order: &Order) -> Result<()> {
        for url in &order.urls {
            match self.path(url) {
                Some(path) => self.add(path),
                None => bail!("{url}: allowed: a path, or a URL of {}", self.hosts.join(", ")),
            }
        }
        if let Some(file) = &order.file {
            for line in text(file)?.lines().map(str::trim).filter(|line| !line.is_empty()) {
                self.take(line);
            }
        }
        if let Some(sitemap) = &order.sitemap {
            self.sitemaps(edge, sitemap)?;
        }
        if let Some(count) = order.top {
            let told = edge.ask("/stats", &[("minutes", "0"), ("top", &count.to_string())])?;
            for row in told["top"]["urls"]["byRequests"].as_array().into_iter().flatten() {
                // They are this edge's, whatever its site is called there.
                if let Some(path) = row["label"].as_str().and_then(path_of) {
                    self.add(path);
                }
            }
        }
        if self.paths.is_empty() && self.foreign == 0 {
            bail!("nothing to warm: name paths, --file, --sitemap or --top");
        }
        Ok(())
    }

    fn sitemaps(&mut self, edge: &Edge, first: &str) -> Result<()> {
        let first = self.path(first).with_context(|| format!("{first} is another site's"))?;
        let mut due = VecDeque::from([first]);
        let mut read = HashSet::new();
        while let Some(path) = due.pop_front() {
            if !read.insert(path.clone()) {
                continue;
            }
            if read.len() > SITEMAPS_MAX {
                bail!("more than {SITEMAPS_MAX} sitemaps");
            }
            let text = edge.page(&path).with_context(|| format!("the sitemap {path}"))?;
            // Sitemaps have no use for entities of their own, which are a way to bloat memory.
            let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
            let document = Document::parse_with_options(&text, options)
                .with_context(|| format!("the sitemap {path} is no XML"))?;
            let index = document.root_element().has_tag_name_local("sitemapindex");
            for url in document.descendants().filter(|node| node.has_tag_name_local("loc")) {
                let url = url.text().unwrap_or_default().trim();
                match (index, self.path(url)) {
                    (true, Some(path)) => due.push_back(path),
                    (false, Some(path)) => self.add(path),
                    (_, None) => self.foreign += 1,
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, url: &str) {
        match self.path(url) {
            Some(path) => self.add(path),
            None => self.foreign += 1,
        }
    }

    fn add(&mut self, path: String) {
        if self.paths.len() < self.max && self.seen.insert(path.clone()) {
            self.paths.push(path);
        }
    }

    /// The path and query of a URL of the site.
    fn path(&self, url: &str) -> Option<String> {
        if url.starts_with('/') && !url.starts_with("//") {
            return Some(url.split('#').next().unwrap_or(url).to_owned());
        }
        let (_, rest) = url.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        self.hosts.contains(&host).then(|| path_of(url))?
    }
}

fn path_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let path = rest.find(['/', '?']).map_or("", |start| &rest[start..]);
    Some(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

fn text(file: &Path) -> Result<String> {
    let text = match file.to_str() {
        Some("-") => read_to_string(std::io::stdin()),
        _ => fs::read_to_string(file),
    };
    text.with_context(|| format!("--file {}", file.display()))
}

trait Named {
    /// Whether it is called so, in whatever namespace.
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl Named for roxmltree::Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.tag_name().name() == name
    }
}

const SITEMAPS_MAX: usize = 1_000;
