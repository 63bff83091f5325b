use cutover_core::{RotateError, SecretRotator, Target};

async fn complete(rotator: &dyn SecretRotator, target: &Target) -> Result<(), RotateError> {
    rotator.complete(target).await
}

fn main() {
    let _ = complete;
}
