use super::totp;
use super::{Attempt, KeyAttempt, MfaDevice, SignedIn, sign_in, sign_in_with_key};
use crate::call::{Call, Caller};
use crate::iam;
use crate::testing::{ACCOUNT, Bench, code};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use time::Duration;

const PASSWORD: &str = "Correct-horse-1";

async fn ok(bench: &Bench, call: Call, operation: &str, input: Value) -> Value {
    let result = bench.run(&iam::SERVICE, call, operation, input.clone()).await;
    result.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

fn attempt(user: Option<&str>, password: &str) -> Attempt {
    Attempt {
        account: ACCOUNT.into(),
        user: user.map(Into::into),
        password: password.into(),
        mfa: None,
        new_password: None,
        source_ip: "192.0.2.7".into(),
        user_agent: Some("browser".into()),
        login_to: "/console/".into(),
    }
}

async fn with_password(bench: &Bench, reset: bool) {
    bench.call_of_user("alice", None).await;
    let input = json!({"UserName": "alice", "Password": PASSWORD, "PasswordResetRequired": reset.to_string()});
    let made = ok(bench, bench.call(), "CreateLoginProfile", input).await;
    assert_eq!(made["LoginProfile"]["PasswordResetRequired"], reset);
    let record = bench.last_record();
    assert_eq!(record["requestParameters"], json!({"userName": "alice", "passwordResetRequired": reset}));
    assert!(!record.to_string().contains(PASSWORD));
}

#[tokio::test]
async fn passwords_let_users_in_and_every_attempt_is_recorded() {
    let bench = Bench::new();
    with_password(&bench, false).await;
    let Ok(SignedIn::Yes(credentials)) = sign_in(&bench.app, attempt(Some("alice"), PASSWORD)).await else { panic!("in") };
    let record = bench.last_record();
    assert_eq!(record["eventType"], "AwsConsoleSignIn");
    assert_eq!(record["responseElements"], json!({"ConsoleLogin": "Success"}));
    assert_eq!(record["additionalEventData"], json!({"LoginTo": "/console/", "MobileVersion": "No", "MFAUsed": "No"}));
    assert_eq!(record["userIdentity"]["arn"], format!("arn:aws:iam::{ACCOUNT}:user/alice"));
    assert_eq!((&record["awsRegion"], &record["requestID"]), (&json!("us-east-1"), &Value::Null));
    let caller = credentials.caller(&bench.app.catalog).expect("catalog").expect("alice");
    assert!(caller.session().is_some_and(|session| session.console && session.mfa.is_none()));

    for (user, password, name, message) in [
        (Some("alice"), "wrong", "alice", "Failed authentication"),
        (Some("nobody"), PASSWORD, opentrail_model::record::HIDDEN, "No username found in supplied account"),
        (None, PASSWORD, "", "Failed authentication"),
    ] {
        let outcome = sign_in(&bench.app, attempt(user, password)).await.expect("recorded");
        assert!(matches!(outcome, SignedIn::No), "{user:?} {outcome:?}");
        let record = bench.last_record();
        assert_eq!(record["responseElements"], json!({"ConsoleLogin": "Failure"}), "{user:?}");
        assert_eq!((&record["errorMessage"], &record["errorCode"]), (&json!(message), &Value::Null), "{user:?}");
        let identity = &record["userIdentity"];
        assert_eq!((&identity["accessKeyId"], &identity["arn"]), (&json!(""), &Value::Null), "{user:?}");
        assert_eq!(identity["userName"].as_str().unwrap_or_default(), name, "{user:?}");
    }
}

#[tokio::test]
async fn new_passwords_are_asked_for_and_held_to_the_policy() {
    let bench = Bench::new();
    let policy =
        json!({"MinimumPasswordLength": "10", "RequireNumbers": "true", "PasswordReusePrevention": "2", "MaxPasswordAge": "30"});
    ok(&bench, bench.call(), "UpdateAccountPasswordPolicy", policy).await;
    assert_eq!(bench.last_record()["requestParameters"]["minimumPasswordLength"], 10);
    with_password(&bench, true).await;
    let asked = sign_in(&bench.app, attempt(Some("alice"), PASSWORD)).await.expect("answered");
    assert!(matches!(asked, SignedIn::NewPasswordNeeded(None)));
    for bad in ["short-1", "no-digits-here", PASSWORD] {
        let again = Attempt { new_password: Some(bad.into()), ..attempt(Some("alice"), PASSWORD) };
        let asked = sign_in(&bench.app, again).await.expect("answered");
        assert!(matches!(asked, SignedIn::NewPasswordNeeded(Some(_))), "{bad} {asked:?}");
    }
    let good = Attempt { new_password: Some("battery-staple-2".into()), ..attempt(Some("alice"), PASSWORD) };
    assert!(matches!(sign_in(&bench.app, good).await, Ok(SignedIn::Yes(_))));
    let names: Vec<_> = bench.records().iter().rev().take(2).map(|record| record["eventName"].clone()).collect();
    assert_eq!(names, ["PasswordUpdated", "ConsoleLogin"]);
    assert!(matches!(sign_in(&bench.app, attempt(Some("alice"), "battery-staple-2")).await, Ok(SignedIn::Yes(_))));
    // Too old by now.
    bench.clock.advance(Duration::days(30));
    let asked = sign_in(&bench.app, attempt(Some("alice"), "battery-staple-2")).await.expect("answered");
    assert!(matches!(asked, SignedIn::NewPasswordNeeded(None)));
}

#[tokio::test]
async fn hard_expiry_keeps_out_until_somebody_else_sets_a_password() {
    let bench = Bench::new();
    with_password(&bench, false).await;
    ok(&bench, bench.call(), "UpdateAccountPasswordPolicy", json!({"MaxPasswordAge": "1", "HardExpiry": "true"})).await;
    bench.clock.advance(Duration::DAY);
    let new = Attempt { new_password: Some("Battery-staple-2".into()), ..attempt(Some("alice"), PASSWORD) };
    assert!(matches!(sign_in(&bench.app, new).await, Ok(SignedIn::No)));
    ok(&bench, bench.call(), "UpdateLoginProfile", json!({"UserName": "alice", "Password": "Battery-staple-3"})).await;
    assert!(matches!(sign_in(&bench.app, attempt(Some("alice"), "Battery-staple-3")).await, Ok(SignedIn::Yes(_))));
}

async fn with_device(bench: &Bench) -> (Vec<u8>, String) {
    let made = ok(bench, bench.call(), "CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "phone"})).await;
    let device = &made["VirtualMFADevice"];
    assert!(STANDARD.decode(device["QRCodePNG"].as_str().expect("a picture")).expect("base 64").starts_with(b"\x89PNG"));
    assert!(!bench.last_record().to_string().contains("base32StringSeed"));
    let text = STANDARD.decode(device["Base32StringSeed"].as_str().expect("a seed")).expect("base 64");
    let seed = decode32(std::str::from_utf8(&text).expect("base 32"));
    (seed, device["SerialNumber"].as_str().expect("a serial number").to_owned())
}

/// What an authenticator program does with a seed.
fn decode32(text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text
        .bytes()
        .map(|byte| if byte.is_ascii_uppercase() { byte - b'A' } else { byte - b'2' + 26 })
        .flat_map(|five| (0..5).rev().map(move |bit| (five >> bit) & 1))
        .collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

#[tokio::test]
async fn codes_are_asked_for_and_count_once() {
    let bench = Bench::new();
    with_password(&bench, false).await;
    let (seed, serial) = with_device(&bench).await;
    let step = totp::step_of(bench.app.intake.now());
    let (first, second) = (totp::code(&seed, step - 1), totp::code(&seed, step));
    let enable = |one: &str, two: &str| json!({"UserName": "alice", "SerialNumber": serial, "AuthenticationCode1": one, "AuthenticationCode2": two});
    let wrong = bench.run(&iam::SERVICE, bench.call(), "EnableMFADevice", enable(&second, &first)).await;
    assert_eq!(code(wrong), "InvalidAuthenticationCode");
    ok(&bench, bench.call(), "EnableMFADevice", enable(&first, &second)).await;
    assert!(bench.last_record()["requestParameters"].get("authenticationCode1").is_none());
    let listed = ok(&bench, bench.call(), "ListMFADevices", json!({"UserName": "alice"})).await;
    assert_eq!(listed["MFADevices"][0]["SerialNumber"], serial);

    let asked = sign_in(&bench.app, attempt(Some("alice"), PASSWORD)).await.expect("answered");
    assert!(matches!(asked, SignedIn::CodeNeeded));
    assert_eq!(bench.last_record()["responseElements"], json!({"CheckMfa": "Success"}));
    let with = |code: &str| Attempt { mfa: Some(code.into()), ..attempt(Some("alice"), PASSWORD) };
    assert!(matches!(sign_in(&bench.app, with(&second)).await, Ok(SignedIn::No)), "it enabled the device");
    bench.clock.advance(Duration::seconds(30));
    let third = totp::code(&seed, step + 1);
    let Ok(SignedIn::Yes(credentials)) = sign_in(&bench.app, with(&third)).await else { panic!("in") };
    assert!(credentials.session.mfa.is_some());
    let more = &bench.last_record()["additionalEventData"];
    assert_eq!((&more["MFAUsed"], &more["MFAIdentifier"]), (&json!("Yes"), &json!(serial)));
    assert!(matches!(sign_in(&bench.app, with(&third)).await, Ok(SignedIn::No)), "it was used");
    assert_eq!(code(bench.run(&iam::SERVICE, bench.call(), "DeleteUser", json!({"UserName": "alice"})).await), "DeleteConflict");

    ok(&bench, bench.call(), "DeactivateMFADevice", json!({"UserName": "alice", "SerialNumber": serial})).await;
    ok(&bench, bench.call(), "DeleteVirtualMFADevice", json!({"SerialNumber": serial})).await;
    ok(&bench, bench.call(), "DeleteLoginProfile", json!({"UserName": "alice"})).await;
}

#[tokio::test]
async fn codes_make_sessions_with_a_second_factor() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", None).await;
    let (seed, serial) = with_device(&bench).await;
    let step = totp::step_of(bench.app.intake.now());
    let input = json!({"UserName": "alice", "SerialNumber": serial,
        "AuthenticationCode1": totp::code(&seed, step - 2), "AuthenticationCode2": totp::code(&seed, step - 1)});
    ok(&bench, bench.call(), "EnableMFADevice", input).await;
    let input = json!({"SerialNumber": serial, "TokenCode": totp::code(&seed, step)});
    let sts = &crate::sts::SERVICE;
    bench.run(sts, alice.clone(), "GetSessionToken", input.clone()).await.expect("a session");
    assert_eq!(bench.last_record()["requestParameters"], json!({"serialNumber": serial}));
    assert_eq!(code(bench.run(sts, alice, "GetSessionToken", input).await), "AccessDenied");
    let device = bench.app.catalog.get::<MfaDevice>(&serial).expect("catalog").expect("there");
    let stored = serde_json::to_string(&*device).expect("serialises");
    assert!(!stored.contains(&STANDARD.encode(&seed)) && !stored.contains(&totp::base32(&seed)));
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let bench = Bench::new();
    with_password(&bench, false).await;
    for _ in 0..5 {
        assert!(matches!(sign_in(&bench.app, attempt(Some("alice"), "wrong")).await, Ok(SignedIn::No)));
    }
    assert!(matches!(sign_in(&bench.app, attempt(Some("alice"), PASSWORD)).await, Ok(SignedIn::Wait(_))));
    assert_eq!(bench.last_record()["responseElements"], json!({"ConsoleLogin": "Failure"}));
    bench.clock.advance(Duration::seconds(2));
    assert!(matches!(sign_in(&bench.app, attempt(Some("alice"), PASSWORD)).await, Ok(SignedIn::Yes(_))));
}

#[tokio::test]
async fn users_change_their_own_password_if_they_may() {
    let bench = Bench::new();
    with_password(&bench, false).await;
    let alice = bench.call_of_user("alice", None).await;
    let change = |old: &str, new: &str| json!({"OldPassword": old, "NewPassword": new});
    let asked = |input: Value| bench.run(&iam::SERVICE, alice.clone(), "ChangePassword", input);
    assert_eq!(code(asked(change(PASSWORD, "Battery-staple-2")).await), "AccessDenied");
    ok(&bench, bench.call(), "UpdateAccountPasswordPolicy", json!({"AllowUsersToChangePassword": "true"})).await;
    assert_eq!(code(asked(change("wrong", "Battery-staple-2")).await), "AccessDenied");
    assert_eq!(code(asked(change(PASSWORD, "a")).await), "PasswordPolicyViolation");
    asked(change(PASSWORD, "Battery-staple-2")).await.expect("changed");
    assert_eq!(bench.last_record()["requestParameters"], Value::Null);
    let root = bench.run(&iam::SERVICE, bench.call(), "ChangePassword", change(PASSWORD, "Battery-staple-2")).await;
    assert_eq!(code(root), "InvalidUserType");
}

#[tokio::test]
async fn strangers_and_other_accounts_get_nowhere() {
    let bench = Bench::new();
    with_password(&bench, false).await;
    let elsewhere = Attempt { account: "999999999999".into(), ..attempt(Some("alice"), PASSWORD) };
    assert!(matches!(sign_in(&bench.app, elsewhere).await, Ok(SignedIn::No)));
    assert_eq!(bench.last_record()["recipientAccountId"], ACCOUNT);
    let long = attempt(Some("alice"), &"x".repeat(100_000));
    assert!(matches!(sign_in(&bench.app, long).await, Ok(SignedIn::No)));
    let foreign = Caller::Root { account: "222222222222".into(), access_key: "AKIAROOT000000000000".into(), session: None };
    let call = Call { caller: foreign, account: "222222222222".into(), ..bench.call() };
    assert_eq!(code(bench.run(&iam::SERVICE, call, "GetLoginProfile", json!({"UserName": "alice"})).await), "NoSuchEntity");
}

#[test]
fn whatever_is_typed_is_recorded_and_never_a_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let bench = Bench::new();
    runtime.block_on(with_password(&bench, false));
    let text = || prop_oneof![".{0,24}", Just("alice".to_owned()), Just(PASSWORD.to_owned()), Just("\u{0}".repeat(200))];
    let typed = (".{0,24}", prop::option::of(text()), text(), prop::option::of(text()), prop::option::of(text()));
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) });
    let outcome = runner.run(&typed, |(ip, user, password, mfa, new_password)| {
        let before = bench.app.intake.log().end();
        let typed = Attempt { user, password, mfa, new_password, source_ip: ip, ..attempt(None, "") };
        let secret = typed.password.clone();
        let outcome = runtime.block_on(sign_in(&bench.app, typed)).expect("no fault");
        prop_assert!(secret == PASSWORD || !matches!(outcome, SignedIn::Yes(_)));
        prop_assert!(bench.app.intake.log().end() > before, "it is recorded");
        Ok(())
    });
    outcome.expect("no input is too much");
    assert!(!bench.records().iter().any(|record| record.to_string().contains(PASSWORD)));
}

#[tokio::test]
async fn access_keys_let_in_and_failures_hide_what_is_no_key() {
    let bench = Bench::new();
    let root = crate::bootstrap(&bench.app).await.expect("root");
    let secret = root.open_secret(&bench.app.seal).expect("its secret");
    let attempt = |access_key: &str, secret: &str| KeyAttempt {
        access_key: access_key.into(),
        secret: secret.into(),
        session_token: None,
        source_ip: "192.0.2.7".into(),
        user_agent: Some("browser".into()),
        login_to: "/console/".into(),
    };
    let Ok(SignedIn::Yes(credentials)) = sign_in_with_key(&bench.app, attempt(&root.id, &secret)).await else { panic!("in") };
    assert_eq!(bench.last_record()["responseElements"], json!({"ConsoleLogin": "Success"}));
    assert_eq!(bench.last_record()["userIdentity"]["accessKeyId"], root.id);
    let caller = credentials.caller(&bench.app.catalog).expect("catalog").expect("root");
    assert!(caller.session().is_some_and(|session| session.console));

    // The session's own credentials serve too, for as long as they last.
    let token = credentials.token(&bench.app.seal).expect("sealed");
    let with_token = |secret: &str| KeyAttempt { session_token: Some(token.clone()), ..attempt(&credentials.access_key, secret) };
    assert!(matches!(sign_in_with_key(&bench.app, with_token(&credentials.secret)).await, Ok(SignedIn::Yes(_))));
    assert!(matches!(sign_in_with_key(&bench.app, with_token("wrong")).await, Ok(SignedIn::No)));

    for (id, shown) in [(root.id.as_str(), root.id.as_str()), ("a pasted secret", opentrail_model::record::HIDDEN)] {
        assert!(matches!(sign_in_with_key(&bench.app, attempt(id, "wrong")).await, Ok(SignedIn::No)));
        let record = bench.last_record();
        assert_eq!(record["responseElements"], json!({"ConsoleLogin": "Failure"}));
        assert_eq!(record["userIdentity"]["accessKeyId"], shown);
        assert!(!record.to_string().contains("pasted"));
    }
    for _ in 0..5 {
        let _ = sign_in_with_key(&bench.app, attempt(&root.id, "wrong")).await;
    }
    assert!(matches!(sign_in_with_key(&bench.app, attempt(&root.id, &secret)).await, Ok(SignedIn::Wait(_))));
}
