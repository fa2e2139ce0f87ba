//! The settings on disk: redb, an embedded store with transactions, and a journal beside
//! it.
//!
//! One thread writes. It takes all changes that wait, appends them to the journal in one
//! write, makes them in one transaction, and only then answers them ("group commit").
//!
//! - **When a change is acknowledged** the system has it: it is in the journal, whose
//!   bytes outlive this process. `kill -9` at any moment loses nothing acknowledged: the
//!   next start repeats what the journal holds.
//! - **At most 100 ms later** it is synced to the disk (fdatasync, through redb) and
//!   survives a power cut too; the journal begins anew. SAVE answers after that, and so
//!   does every change with `--sync`.
//!
//! A change that was cut short is not seen: its line in the journal has no end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable,
    ReadableTableMetadata,
};
use redb::{ReadOnlyTable, Table, TableDefinition};

use crate::protocol::{self, Command, Refusal};

const SETTINGS: TableDefinition<&str, &[u8]> = TableDefinition::new("settings");
/// The most keys: with the longest lines this is about 400 MB.
const MAX_KEYS: u64 = 100_000;
/// The most changes in one transaction: a bound on how long the first of them waits.
const MAX_BATCH: usize = 1000;
/// How long a change may be acknowledged and not yet synced.
const SYNC_AFTER: Duration = Duration::from_millis(100);

/// A change that waits for the writer.
pub enum Change {
    /// Keep this value under this key.
    Set(String, Vec<u8>),
    /// Forget this key.
    Delete(String),
    /// Nothing: answered when all changes before it are synced.
    Save,
}

/// The text after `OK`, or why the change was not made.
pub type Outcome = Result<String, Refusal>;

/// A change and who wants to know its outcome.
type Job = (Change, Sender<Outcome>);

/// The settings; a clone is another handle to the same ones.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    changes: SyncSender<Job>,
}

impl Store {
    /// Opens the file, or makes it, repeats what its journal holds, and starts the writer.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, is no store, or is in use by another server.
    pub fn open(path: &Path, sync_always: bool) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open the settings {}", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = open_private(path, &mut options).with_context(cannot)?;
        let database = Database::builder().create_file(file);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                anyhow!("another server has it open. Choose another file with --data")
            }
            // A damaged file is reported in redb's own words.
            error => anyhow!("{error}"),
        });
        let database = Arc::new(database.with_context(cannot)?);
        let mut journal_path = path.as_os_str().to_owned();
        journal_path.push(".journal");
        let mut writer = Writer {
            database: Arc::clone(&database),
            journal: Journal::open(PathBuf::from(journal_path)).with_context(cannot)?,
            sync_always,
        };
        writer.recover().with_context(cannot)?;

        // A full queue makes clients wait: it must not grow without bound.
        let (changes, waiting) = mpsc::sync_channel(MAX_BATCH);
        thread::spawn(move || writer.run(&waiting));
        Ok(Store { database, changes })
    }

    /// Hands a change to the writer, which will answer on `outcome`, one after another.
    pub fn submit(&self, change: Change, outcome: &Sender<Outcome>) {
        // The writer never ends before the program does.
        let _ = self.changes.send((change, outcome.clone()));
    }

    /// Returns the number of settings.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn len(&self) -> Result<u64, redb::Error> {
        let transaction = self.database.begin_read()?;
        Ok(transaction.open_table(SETTINGS)?.len()?)
    }

    /// Returns the value of a key as it is on disk.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let settings = transaction.open_table(SETTINGS)?;
        Ok(settings.get(key)?.map(|value| value.value().to_vec()))
    }

    /// Returns all settings as they are at this moment, whatever is written meanwhile.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn snapshot(&self) -> Result<Snapshot, redb::Error> {
        let transaction = self.database.begin_read()?;
        Ok(Snapshot(transaction.open_table(SETTINGS)?))
    }
}

/// The settings of one moment.
pub struct Snapshot(ReadOnlyTable<&'static str, &'static [u8]>);

impl Snapshot {
    /// Passes on each setting whose key begins with `prefix`, in order; stops when
    /// `each` returns false.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn list(
        &self,
        prefix: &str,
        mut each: impl FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), redb::Error> {
        for entry in self.0.range(prefix..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(prefix) || !each(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    }
}

/// The one thread that changes anything.
struct Writer {
    database: Arc<Database>,
    journal: Journal,
    sync_always: bool,
}

impl Writer {
    /// Repeats the journal of a server that was killed. What of it had reached the
    /// database already is repeated too: the last change of a key decides.
    fn recover(&mut self) -> anyhow::Result<()> {
        let lines = fs::read(&self.journal.path)?;
        let transaction = self.database.begin_write()?;
        {
            let mut settings = transaction.open_table(SETTINGS)?;
            // A last line without its end was cut short, and never acknowledged.
            for line in lines.split_inclusive(|&byte| byte == b'\n') {
                match line.strip_suffix(b"\n").map(protocol::parse) {
                    Some(Ok(Command::Set(key, value))) => {
                        settings.insert(key, value)?;
                    }
                    Some(Ok(Command::Delete(key))) => {
                        settings.remove(key)?;
                    }
                    _ => break,
                }
            }
        }
        transaction.commit()?;
        self.journal.clear()?;
        Ok(())
    }

    /// Makes the changes that wait, a batch at a time, as long as the program runs.
    fn run(&mut self, waiting: &Receiver<Job>) {
        let mut sync_at: Option<Instant> = None;
        loop {
            let time_left =
                sync_at.map(|at| at.saturating_duration_since(Instant::now()));
            let first = match time_left {
                None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(time_left) => waiting.recv_timeout(time_left),
            };
            let mut batch = match first {
                Ok(first) => vec![first],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            batch.extend(waiting.try_iter().take(MAX_BATCH));
            let mut result = self.commit(&batch);
            let wants_sync = batch
                .iter()
                .any(|(change, _)| matches!(change, Change::Save));
            if wants_sync || self.sync_always || time_left.is_some_and(|it| it.is_zero())
            {
                sync_at = None;
                result = self.sync().and(result);
            } else if sync_at.is_none() {
                sync_at = Some(Instant::now() + SYNC_AFTER);
            }
            let outcomes = result.unwrap_or_else(|error| {
                eprintln!("cannot write the settings: {error}");
                batch.iter().map(|_| Err(Refusal::Storage)).collect()
            });
            for ((_, client), outcome) in batch.iter().zip(outcomes) {
                let _ = client.send(outcome); // The client may have left.
            }
        }
    }

    /// Makes all changes, or none of them.
    fn commit(&mut self, batch: &[Job]) -> Result<Vec<Outcome>, redb::Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.database.begin_write()?;
        // Not synced by this commit: the journal has it.
        transaction.set_durability(Durability::None)?;
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut lines = Vec::new();
        {
            let mut settings = transaction.open_table(SETTINGS)?;
            for (change, _) in batch {
                outcomes.push(apply(&mut settings, change, &mut lines)?);
            }
        }
        self.journal.append(&lines)?;
        if let Err(error) = transaction.commit() {
            self.journal.take_back(&lines)?;
            return Err(error.into());
        }
        Ok(outcomes)
    }

    /// Syncs all that has been committed; then the journal is not needed any more.
    fn sync(&mut self) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.commit()?;
        self.journal.clear()?;
        Ok(())
    }
}

/// Makes one change, and notes it for the journal as the line of the protocol that it is.
fn apply(
    settings: &mut Table<'_, &'static str, &'static [u8]>,
    change: &Change,
    lines: &mut Vec<u8>,
) -> Result<Outcome, redb::Error> {
    match change {
        Change::Set(key, value) => {
            let is_new = settings.get(key.as_str())?.is_none();
            if is_new && settings.len()? >= MAX_KEYS {
                return Ok(Err(Refusal::Full));
            }
            settings.insert(key.as_str(), value.as_slice())?;
            for part in [b"SET ", key.as_bytes(), b" ", value, b"\n"] {
                lines.extend_from_slice(part);
            }
            Ok(Ok(String::new()))
        }
        Change::Delete(key) => {
            if settings.remove(key.as_str())?.is_none() {
                return Ok(Err(Refusal::NotFound));
            }
            lines.extend_from_slice(format!("DELETE {key}\n").as_bytes());
            Ok(Ok(String::new()))
        }
        Change::Save => Ok(Ok(settings.len()?.to_string())),
    }
}

/// Opens a file; if it is new, for its owner alone: a value may be a secret.
fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// The changes since the last sync, one a line.
struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Journal {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = open_private(&path, OpenOptions::new().append(true).create(true))?;
        let len = file.metadata()?.len();
        Ok(Journal { path, file, len })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.len += lines.len() as u64;
        self.file.write_all(lines).inspect_err(|_| {
            // Half a line, as a full disk leaves it, would spoil the next one.
            let _ = self.take_back(lines);
        })
    }

    fn take_back(&mut self, lines: &[u8]) -> io::Result<()> {
        self.len -= lines.len() as u64;
        self.file.set_len(self.len)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.len = 0;
        self.file.set_len(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Change {
        Change::Set(key.to_owned(), value.as_bytes().to_vec())
    }

    #[test]
    fn changes_are_answered_in_order_and_listed_by_prefix() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("settings"), false).unwrap();
        let (sender, outcomes) = mpsc::channel();
        let delete = || Change::Delete("b".to_owned());
        for change in [
            set("a/1", "x"),
            set("a/2", "y"),
            set("b", "z"),
            set("a/1", "new"),
            delete(),
            delete(),
            Change::Save,
        ] {
            store.submit(change, &sender);
        }
        let outcomes: Vec<Outcome> = outcomes.iter().take(7).collect();
        assert!(
            outcomes[..5]
                .iter()
                .all(|outcome| *outcome == Ok(String::new()))
        );
        assert_eq!(outcomes[5..], [Err(Refusal::NotFound), Ok("2".to_owned())]);
        assert_eq!(store.get("a/1").unwrap().as_deref(), Some(&b"new"[..]));
        assert_eq!(store.get("b").unwrap(), None);
        let mut keys = Vec::new();
        let each = |key: &str, _: &[u8]| {
            keys.push(key.to_owned());
            true
        };
        store.snapshot().unwrap().list("a/", each).unwrap();
        assert_eq!(keys, ["a/1", "a/2"]);
    }

    #[test]
    fn the_journal_is_repeated_up_to_the_first_line_that_is_cut_short() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings");
        let journal = dir.path().join("settings.journal");
        let lines = "SET a 1\nSET b  2 \nSET c 3\nDELETE c\nSET a 4\nSET b cut sho";
        fs::write(&journal, lines).unwrap();
        let store = Store::open(&path, false).unwrap();
        assert_eq!(store.get("a").unwrap().as_deref(), Some(&b"4"[..]));
        assert_eq!(store.get("b").unwrap().as_deref(), Some(&b" 2 "[..]));
        assert_eq!(store.get("c").unwrap(), None);
        assert_eq!(fs::read(&journal).unwrap(), b"");
    }
}
