//! Tells of sign-ins of the root user, from a queue that hears of a trail's log files.
//!
//! cargo run -p opentrail-processing --example root_sign_ins -- https://sqs.us-east-1.amazonaws.com/123456789012/trail
//!
//! Endpoint, region and credentials come from the usual AWS variables; Ctrl-C ends it.

use opentrail_processing::{Event, ParkingDirectory, Processor, Report, S3Store, Settings, SqsQueue, Until, each_event, stop};
use std::path::Path;
use std::sync::Arc;

fn is_root_sign_in(event: &Event<'_>) -> bool {
    event.event_name().as_deref() == Some("ConsoleLogin") && event.user_identity().kind.as_deref() == Some("Root")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of a queue is missing")?;
    let queue = Arc::new(SqsQueue::from_environment(&url)?);
    let store = Arc::new(S3Store::from_environment()?);

    // What this says yes to is only done when the alert is out: an error here brings the whole file again.
    let alert = each_event(|event| {
        let (time, ip) = (event.event_time_text().unwrap_or_default(), event.source_ip_address().unwrap_or_default());
        println!("root signed in to {} from {ip} at {time}", event.account_id().unwrap_or_default());
        Ok(())
    });
    let tell = |report: Report| match report {
        Report::Failed { file, reason } => eprintln!("{}: {reason}", file.key),
        Report::MessageFailed { message_id, reason } => eprintln!("message {message_id}: {reason}"),
        Report::Parked { what, reason } => eprintln!("parked {what}: {reason}"),
        _ => {}
    };
    let (stopper, stop) = stop();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stopper.stop();
    });
    let summary = Processor::new(alert)
        .settings(Settings { dedupe: 100_000, ..Settings::default() })
        .event_filter(is_root_sign_in)
        .parking(Arc::new(ParkingDirectory::open(Path::new("parked"))?))
        .progress(Arc::new(tell))
        .run_queue(queue, store, Until::Stopped, stop)
        .await?;
    eprintln!("{} files, {} sign-ins of root", summary.files, summary.events);
    Ok(())
}
