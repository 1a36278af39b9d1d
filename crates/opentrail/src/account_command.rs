//! `opentrail account`: accounts of a running server, through its own signed and recorded operations.
//!
//! It talks to the server rather than to the data directory, because making an account is an event like any other: the
//! event log has one writer, and whoever made the account is on record.

use crate::client::{Client, caller_from_environment};
use crate::keys_command::endpoint_or_environment;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Read;

#[derive(Subcommand)]
pub enum AccountCommand {
    Create(CreateArgs),
    List(ListArgs),
    SetPassword(SetPasswordArgs),
}

/// Make an account with root credentials of its own, and print these as a profile of an AWS credentials file.
///
/// Example: opentrail account create --name Audit --email audit@example.com >> ~/.aws/credentials
#[derive(Args)]
pub struct CreateArgs {
    /// 1 to 50 printable characters; the profile is named after it.
    #[arg(long)]
    name: String,
    /// Must be no other account's; nothing is sent to it.
    #[arg(long)]
    email: String,
    /// Twelve digits. [default: random]
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// List all accounts of the server.
///
/// Example: opentrail account list
#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    endpoint: Endpoint,
}

/// Set the password with which the root user of an account signs in, read from standard input.
///
/// Example: opentrail account set-password --account-id 123456789012 < password.txt
#[derive(Args)]
pub struct SetPasswordArgs {
    /// The account. [default: the caller's]
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    #[command(flatten)]
    endpoint: Endpoint,
}

#[derive(Args)]
struct Endpoint {
    /// Where the server listens. [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// What the server answers, if that is an error.
pub async fn run(command: AccountCommand) -> anyhow::Result<()> {
    match command {
        AccountCommand::Create(args) => create(args).await,
        AccountCommand::List(args) => list(args).await,
        AccountCommand::SetPassword(args) => set_password(args).await,
    }
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    let mut input = json!({"Name": args.name, "Email": args.email});
    if let Some(id) = args.account_id {
        input["AccountId"] = id.into();
    }
    let answer = call(&args.endpoint, "CreateAccount", &input).await?;
    let text = |member: &str| answer["Account"][member].as_str().context("the server's answer lacks a member").map(str::to_owned);
    println!("# account {}", text("Id")?);
    println!("[{}]", profile(&args.name));
    println!("aws_access_key_id = {}", text("AccessKeyId")?);
    println!("aws_secret_access_key = {}", text("SecretAccessKey")?);
    Ok(())
}

/// A name that can stand in the brackets of a profile.
fn profile(name: &str) -> String {
    name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let answer = call(&args.endpoint, "ListAccounts", &json!({})).await?;
    for account in answer["Accounts"].as_array().into_iter().flatten() {
        let text = |member: &str| account[member].as_str().unwrap_or("-").to_owned();
        let shown = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let (name, email) = (shown(text("Name")), shown(text("Email")));
        println!("{}\t{name}\t{email}\t{}\t{}", text("Id"), text("CreatedAt"), text("OrganizationId"));
    }
    Ok(())
}

async fn set_password(args: SetPasswordArgs) -> anyhow::Result<()> {
    let mut password = String::new();
    std::io::stdin().take(4096).read_to_string(&mut password).context("cannot read the password")?;
    let password = password.lines().next().unwrap_or_default();
    if password.is_empty() {
        bail!("give the password on standard input, one line");
    }
    let mut input = json!({"Password": password});
    if let Some(id) = args.account_id {
        input["AccountId"] = id.into();
    }
    call(&args.endpoint, "SetRootPassword", &input).await.map(|_| ())
}

async fn call(endpoint: &Endpoint, operation: &str, input: &Value) -> anyhow::Result<Value> {
    let caller = caller_from_environment()?;
    let url = endpoint_or_environment(endpoint.endpoint.as_deref())?;
    Client::connect(&url).await?.opentrail(&caller, operation, input).await?.json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_named_after_accounts() {
        assert_eq!(profile("Log Archive (EU)]"), "log-archive--eu--");
    }
}
