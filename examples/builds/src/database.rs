//! The SQLite database: a bounded pool of readers, one writer, and a count of every query.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Params, Row};
use tokio::sync::Semaphore;

use crate::fault::Fault;
use crate::seed;

/// The catalogue's database; counts the queries of its whole life. Clones share it.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

impl Database {
    /// Opens the database at `path`, or a temporary one that ends with the process. A new database
    /// is filled with the seeded catalogue; errors name the path.
    pub fn open(path: Option<&Path>) -> Result<Self, String> {
        let home = match path {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|e| format!("temporary directory: {e}"))?),
        };
        let path = match (path, &home) {
            (Some(path), _) => path.to_path_buf(),
            (None, Some(home)) => home.path().join("builds.sqlite"),
            (None, None) => return Err("no path for the database".to_owned()),
        };
        let writer = prepare(&path).map_err(|e| format!("database {}: {e}", path.display()))?;
        Ok(Self(Arc::new(Shared {
            path,
            readers: Mutex::new(Vec::new()),
            writer: Mutex::new(writer),
            places: Semaphore::new(READERS),
            queries: AtomicU64::new(0),
            _home: home,
        })))
    }

    /// The queries run since the process started.
    pub fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// Answers `ask` from a reader, at most eight at once.
    pub async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Session<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Read<T>, Fault> {
        let _place = self.0.places.acquire().await.map_err(Fault::internal)?;
        let shared = self.0.clone();
        tokio::task::spawn_blocking(move || shared.read(ask)).await.map_err(Fault::internal)?
    }

    /// Makes `change` in one transaction; a `Fault` undoes it.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Session<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = self.0.clone();
        tokio::task::spawn_blocking(move || shared.write(change)).await.map_err(Fault::internal)?
    }
}

/// What a read gave and what it cost.
pub struct Read<T> {
    /// The answer.
    pub value: T,
    /// Queries it took.
    pub queries: u64,
    /// Time it took in the database.
    pub took: Duration,
}

/// One use of a connection; every query goes through it and is counted.
pub struct Session<'c> {
    connection: &'c Connection,
    queries: Cell<u64>,
}

impl Session<'_> {
    /// All rows of a query.
    pub fn all<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.count();
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_map(parameters, row)?.collect()
    }

    /// The first row of a query, if there is one.
    pub fn first<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        Ok(self.all(sql, parameters, row)?.into_iter().next())
    }

    /// Runs a statement that changes rows; the number of rows changed.
    pub fn run(&self, sql: &str, parameters: impl Params) -> rusqlite::Result<usize> {
        self.count();
        self.connection.prepare_cached(sql)?.execute(parameters)
    }

    /// The row id of the last insertion.
    pub fn inserted(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    fn count(&self) {
        self.queries.set(self.queries.get() + 1);
    }
}

struct Shared {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    places: Semaphore,
    queries: AtomicU64,
    // Keeps a temporary database's directory until the last use is over.
    _home: Option<tempfile::TempDir>,
}

impl Shared {
    // These block, so they are called on threads made for it.
    fn read<T>(
        &self,
        ask: impl FnOnce(&Session<'_>) -> Result<T, Fault>,
    ) -> Result<Read<T>, Fault> {
        let pooled = lock(&self.readers).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let read = self.measure(&connection, ask);
        lock(&self.readers).push(connection);
        read
    }

    /// Runs `change` in one transaction: committed when it is `Ok`, undone otherwise.
    fn write<T>(&self, change: impl FnOnce(&Session<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction()?;
        let done = self.measure(&transaction, change)?;
        transaction.commit()?;
        Ok(done.value)
    }

    fn measure<T>(
        &self,
        connection: &Connection,
        ask: impl FnOnce(&Session<'_>) -> Result<T, Fault>,
    ) -> Result<Read<T>, Fault> {
        let session = Session { connection, queries: Cell::new(0) };
        let begun = Instant::now();
        let value = ask(&session);
        self.queries.fetch_add(session.queries.get(), Ordering::Relaxed);
        Ok(Read { value: value?, queries: session.queries.get(), took: begun.elapsed() })
    }
}

/// Opens the writer and seeds a database that is new.
fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = connect(path)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        seed::plant(&transaction)?;
        transaction.execute_batch("PRAGMA user_version = 1; ANALYZE;")?;
        transaction.commit()?;
    }
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
    )?;
    Ok(connection)
}

/// A lock whose holder panicked is still a good lock: each use leaves the data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const READERS: usize = 8;

const SCHEMA: &str = include_str!("schema.sql");
