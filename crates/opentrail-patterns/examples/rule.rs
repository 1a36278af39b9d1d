//! Holds an event against a rule: `rule PATTERN.json EVENT.json` prints `true`, `false` or what is wrong.

use opentrail_patterns::event::EventPattern;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pattern), Some(event)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rule PATTERN.json EVENT.json".into());
    };
    match std::fs::read_to_string(pattern)?.parse::<EventPattern>() {
        Ok(pattern) => println!("{}", pattern.matches(&serde_json::from_str(&std::fs::read_to_string(event)?)?)),
        Err(error) => println!("{error}"),
    }
    Ok(())
}
