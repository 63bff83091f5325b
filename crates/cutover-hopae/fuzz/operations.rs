//! What is asked for, by the first byte of an input. Seeds are made by this order: add at the end.

pub(crate) const OPERATIONS: &[&str] = &[
    "apps.create",
    "apps.create_batch",
    "apps.list",
    "apps.list_all",
    "apps.get",
    "apps.update",
    "apps.delete",
    "apps.rotate_client_secret",
    "webhooks.get",
    "webhooks.update",
    "webhooks.rotate_secret",
    "inspect",
    "verify",
];
