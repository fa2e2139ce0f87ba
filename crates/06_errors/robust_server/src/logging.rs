//! Where the log goes.

use std::fs::File;
use std::path::Path;

use anyhow::Context;

/// Sends the log to the file, or to stderr when only RUST_LOG asks for one.
pub fn start(path: Option<&Path>) -> anyhow::Result<()> {
    let default_level = if path.is_some() { "info" } else { "off" };
    let env = env_logger::Env::default().default_filter_or(default_level);
    let mut logger = env_logger::Builder::from_env(env);
    if let Some(path) = path {
        let file = File::options().create(true).append(true).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        logger.target(env_logger::Target::Pipe(Box::new(file)));
    }
    logger.init();
    Ok(())
}
