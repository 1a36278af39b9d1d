//! What IAM has and we lack.

pub(super) const OPERATIONS: &[&str] = &[
    "CreateSAMLProvider",
    "CreateServiceSpecificCredential",
    "DeleteSAMLProvider",
    "DeleteServerCertificate",
    "DeleteSigningCertificate",
    "GenerateServiceLastAccessedDetails",
    "GetContextKeysForCustomPolicy",
    "GetContextKeysForPrincipalPolicy",
    "GetSAMLProvider",
    "GetServerCertificate",
    "GetServiceLastAccessedDetails",
    "UploadServerCertificate",
    "UploadSigningCertificate",
];
