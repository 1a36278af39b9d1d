//! Counts events by who caused them, over a directory of log files. Counts of a file are added only when all of it was
//! read, so a damaged file counts for nothing.
//!
//! cargo run -p opentrail-processing --example count_by_user -- ./copy-of-bucket

use opentrail_processing::{Batch, Directory, FileHandler, Handler, Listing, Processor, Reject, SourceFile, Stop};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

type Counts = HashMap<String, u64>;

#[derive(Clone, Default)]
struct CountByUser(Arc<Mutex<Counts>>);

struct CountFile {
    total: CountByUser,
    counts: Counts,
}

impl Handler for CountByUser {
    type File = CountFile;

    async fn begin(&self, _file: &SourceFile) -> Result<CountFile, Reject> {
        Ok(CountFile { total: self.clone(), counts: Counts::new() })
    }
}

impl FileHandler for CountFile {
    async fn events(&mut self, batch: &Batch<'_>) -> Result<(), Reject> {
        for event in batch.iter() {
            let identity = event.user_identity();
            *self.counts.entry(identity.name().unwrap_or("unknown").to_owned()).or_default() += 1;
        }
        Ok(())
    }

    async fn accept(self) -> Result<(), Reject> {
        let mut total = self.total.0.lock().map_err(|error| Reject::retry(error.to_string()))?;
        for (user, count) in self.counts {
            *total.entry(user).or_default() += count;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("a directory is missing")?;
    let counts = CountByUser::default();
    let listing = Listing { bucket: String::new(), prefix: String::new(), follow: None, journal: None };
    let store = Arc::new(Directory::new(Path::new(&path)));
    let summary = Processor::new(counts.clone()).run_listing(store, listing, Stop::never()).await?;
    let mut sorted: Vec<_> = counts.0.lock().map_err(|error| error.to_string())?.clone().into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (user, count) in sorted {
        println!("{count:10} {user}");
    }
    eprintln!("{} events in {} files, {} failed", summary.events, summary.files, summary.failed);
    Ok(())
}
