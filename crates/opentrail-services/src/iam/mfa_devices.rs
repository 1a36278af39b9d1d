//! Virtual MFA devices: CreateVirtualMFADevice, EnableMFADevice, ResyncMFADevice, DeactivateMFADevice,
//! DeleteVirtualMFADevice, ListMFADevices, ListVirtualMFADevices.

use super::inline_policies::changed;
use super::input::Input;
use super::qr_code;
use super::users::{self, Subject, delete_conflict, limit_exceeded, no_such_entity};
use super::validation;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::recording::lower_cased;
use crate::service::Reply;
use crate::signin::{CODE_DIGITS, MfaDevice, MfaOwner, base32};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::{Changes, NamedLock};
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most devices of an account that nobody uses yet, and all together.
const MAX_DEVICES: usize = 10_000;

/// # Errors
/// `ValidationError`, `EntityAlreadyExists`, `LimitExceeded`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.name_within("VirtualMFADeviceName", 226)?;
    let path = input.path()?;
    if !input.structures("Tags")?.is_empty() {
        return Err(ApiError::new("InvalidInput", "Tags of MFA devices are not supported by OpenTrail yet."));
    }
    let serial = format!("arn:aws:iam::{}:mfa{path}{name}", call.account);
    let lock = lock(app, &serial).await;
    if app.catalog.get::<MfaDevice>(&serial).map_err(|error| catalog_failure(&error))?.is_some() {
        let message = "MFADevice entity at the same path and name already exists.";
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    if devices(app, call)?.len() >= MAX_DEVICES {
        return Err(limit_exceeded(format!("Cannot exceed quota for MfaDevicesPerAccount: {MAX_DEVICES}")));
    }
    let (device, seed) = MfaDevice::generate(&app.seal, &call.account, serial.clone()).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a seed could not be sealed");
        ApiError::new("ServiceFailure", "An internal error occurred.").with_status(500)
    })?;
    let secret = base32(&seed);
    let address = format!("otpauth://totp/OpenTrail:{name}@{}?secret={secret}&issuer=OpenTrail", call.account);
    let mut told = json!({"SerialNumber": serial, "Base32StringSeed": STANDARD.encode(&secret)});
    if let Some(png) = qr_code::png(&address) {
        told["QRCodePNG"] = STANDARD.encode(png).into();
    }
    let mut changes = Changes::new();
    changes.put(&device);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(json!({"virtualMFADevice": {"serialNumber": serial}})),
        ..Reply::output(json!({"VirtualMFADevice": told}))
    })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `EntityAlreadyExists` for a device or user that has one, `InvalidAuthenticationCode`.
pub async fn enable(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (first, second) = codes(&input)?;
    let serial = input.required("SerialNumber")?;
    let lock = lock(app, serial).await;
    let owner = whose(app, call, &input)?;
    let device = existing(app, call, serial)?;
    if device.owner.is_some() {
        return Err(ApiError::new("EntityAlreadyExists", "MFA Device is already in use.").with_status(409));
    }
    let user = owner.name().map(str::to_owned);
    if devices(app, call)?.iter().any(|other| other.is_of(user.as_deref())) {
        return Err(limit_exceeded("Cannot exceed quota for MFADevicesPerUser: 1".to_owned()));
    }
    let device = device.accept_two(&app.seal, first, second, call.now).ok_or_else(wrong_codes)?;
    Ok(changed(&device.owned_by(Some(MfaOwner { user, enabled: call.now })), lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `InvalidAuthenticationCode`.
pub async fn resync(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (first, second) = codes(&input)?;
    let serial = input.required("SerialNumber")?;
    let lock = lock(app, serial).await;
    let owner = whose(app, call, &input)?;
    let device = of(app, call, serial, &owner)?;
    let device = device.accept_two(&app.seal, first, second, call.now).ok_or_else(wrong_codes)?;
    Ok(changed(&device, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn deactivate(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let serial = input.required("SerialNumber")?;
    let lock = lock(app, serial).await;
    let owner = whose(app, call, &input)?;
    Ok(changed(&of(app, call, serial, &owner)?.owned_by(None), lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict` while somebody uses it.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let serial = input.required("SerialNumber")?;
    let lock = lock(app, serial).await;
    if existing(app, call, serial)?.owner.is_some() {
        return Err(delete_conflict("MFA VirtualDevice in use. Must deactivate first."));
    }
    let mut changes = Changes::new();
    changes.delete::<MfaDevice>(serial);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let subject = users::subject(app, call, input.text("UserName")?)?;
    let mut found = devices(app, call)?;
    found.retain(|device| device.is_of(subject.name()));
    let page = validation::page_of(found, |device| &device.serial, &input)?;
    let name = subject.name().unwrap_or("root");
    let told: Vec<Value> = page.items.iter().map(|device| described(device, name)).collect();
    let mut output = json!({"MFADevices": told});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

fn described(device: &MfaDevice, user: &str) -> Value {
    let enabled = device.owner.as_ref().map(|owner| event_time(owner.enabled));
    json!({"UserName": user, "SerialNumber": device.serial, "EnableDate": enabled})
}

/// # Errors
/// `ValidationError`.
pub async fn list_virtual(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let mut found = devices(app, call)?;
    match input.text("AssignmentStatus")? {
        None | Some("Any") => {}
        Some("Assigned") => found.retain(|device| device.owner.is_some()),
        Some("Unassigned") => found.retain(|device| device.owner.is_none()),
        Some(other) => {
            let constraint = "Member must satisfy enum value set: [Assigned, Unassigned, Any]";
            return Err(validation::broken(other, "assignmentStatus", constraint));
        }
    }
    let page = validation::page_of(found, |device| &device.serial, &input)?;
    let mut told = Vec::new();
    for device in &page.items {
        let mut entry = json!({"SerialNumber": device.serial});
        if let Some(owner) = &device.owner {
            entry["EnableDate"] = event_time(owner.enabled).into();
            entry["User"] = match &owner.user {
                Some(name) => users::named(app, call, name).map_or(Value::Null, |user| users::output(&user)),
                None => json!({"Arn": format!("arn:aws:iam::{}:root", call.account), "UserId": call.account}),
            };
        }
        told.push(entry);
    }
    let mut output = json!({"VirtualMFADevices": told});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

/// The ARN that policies are asked about by the operations on devices themselves.
pub(super) fn device_arn(_: &App, call: &Call, input: &Value) -> String {
    match (input["SerialNumber"].as_str(), input["VirtualMFADeviceName"].as_str()) {
        (Some(serial), _) => serial.to_owned(),
        (None, Some(name)) => format!("arn:aws:iam::{}:mfa{}{name}", call.account, input["Path"].as_str().unwrap_or("/")),
        (None, None) => format!("arn:aws:iam::{}:mfa/", call.account),
    }
}

/// `requestParameters` without codes.
pub(super) fn parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    if let Some(members) = parameters.as_object_mut() {
        members.remove("authenticationCode1");
        members.remove("authenticationCode2");
    }
    parameters
}

async fn lock(app: &App, serial: &str) -> NamedLock {
    app.catalog.lock(&MfaDevice::lock_name(serial)).await
}

fn codes(input: &Input) -> Result<(&str, &str), ApiError> {
    let code = |member: &str| {
        let code = input.required(member)?;
        let fits = code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit());
        let name = format!("authenticationCode{}", &member[member.len() - 1..]);
        if fits {
            Ok(code)
        } else {
            Err(validation::broken("****", &name, "Member must satisfy regular expression pattern: [\\d]+"))
        }
    };
    Ok((code("AuthenticationCode1")?, code("AuthenticationCode2")?))
}

/// The user that is named. The root user's devices are managed by the root user, under the account's id or no name.
fn whose(app: &App, call: &Call, input: &Input) -> Result<Subject, ApiError> {
    match input.text("UserName")? {
        Some(name) if name == call.account || name == "root" => {
            if matches!(call.caller, crate::call::Caller::Root { .. }) {
                Ok(Subject::Root)
            } else {
                Err(no_such_entity(format!("The user with name {name} cannot be found.")))
            }
        }
        given => users::subject(app, call, given),
    }
}

/// All devices of the account, in the order of their serial numbers.
pub(super) fn devices(app: &App, call: &Call) -> Result<Vec<MfaDevice>, ApiError> {
    let prefix = format!("arn:aws:iam::{}:mfa/", call.account);
    Ok(app.catalog.all::<MfaDevice>(&prefix).map_err(|error| catalog_failure(&error))?.to_vec())
}

fn existing(app: &App, call: &Call, serial: &str) -> Result<Arc<MfaDevice>, ApiError> {
    let device = app.catalog.get::<MfaDevice>(serial).map_err(|error| catalog_failure(&error))?;
    device
        .filter(|device| device.account == call.account)
        .ok_or_else(|| no_such_entity(format!("VirtualMFADevice with serial number {serial} doesn't exist.")))
}

fn of(app: &App, call: &Call, serial: &str, owner: &Subject) -> Result<Arc<MfaDevice>, ApiError> {
    let device = existing(app, call, serial)?;
    if device.is_of(owner.name()) {
        return Ok(device);
    }
    Err(no_such_entity(format!("MFA Device invalid for user {}.", owner.name().unwrap_or("root"))))
}

fn wrong_codes() -> ApiError {
    ApiError::new("InvalidAuthenticationCode", "Authentication code for device is not valid.").with_status(403)
}
