//! What assistants can do beside talking, and what a call leaves in the database while it goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::call::tools::{self, Keeping, NoTools, Offering, Running, ToolContext};
use crate::pii::Pii;
use crate::store::org::{PhoneHash, Secrets};
use crate::store::suppression::{self, SuppressionSource};
use crate::store::{Db, StoreError};

/// Tries to keep an opt-out before it is given up.
const TRIES: u32 = 5;

/// The tools of the server.
pub(super) struct Toolbox {
    db: Db,
    secrets: Arc<Secrets>,
}

impl Toolbox {
    pub(super) fn new(db: Db, secrets: Arc<Secrets>) -> Self {
        Self { db, secrets }
    }
}

impl tools::Toolbox for Toolbox {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        NoTools.offering(context)
    }

    fn run(
        &self,
        context: &Arc<ToolContext>,
        name: &str,
        arguments: Pii<String>,
        cancel: CancellationToken,
    ) -> Running {
        NoTools.run(context, name, arguments, cancel)
    }

    fn opt_out(&self, context: &Arc<ToolContext>, _: Pii<String>) -> Keeping {
        let (db, context) = (self.db.clone(), Arc::clone(context));
        // Without a number there is nobody who could be called again.
        let Some(hash) = context.contact.as_ref().map(|number| self.secrets.phone.hash(number.expose())) else {
            return Box::pin(std::future::ready(true));
        };
        Box::pin(async move {
            let note = format!("said so in call {}", context.call);
            for attempt in 1..=TRIES {
                match suppress(&db, &context, &hash, &note).await {
                    // On the list already is as good.
                    Ok(()) | Err(StoreError::Conflict(_)) => return true,
                    Err(error) => {
                        tracing::warn!(call = %context.call, %error, "an opt-out is not written yet");
                        tokio::time::sleep(Duration::from_secs(attempt.into())).await;
                    }
                }
            }
            false
        })
    }
}

async fn suppress(db: &Db, context: &ToolContext, hash: &PhoneHash, note: &str) -> Result<(), StoreError> {
    let mut tx = db.begin_durable().await?;
    suppression::insert(&mut tx, context.org, hash, SuppressionSource::SpokenOptOut, note).await?;
    tx.commit().await
}
