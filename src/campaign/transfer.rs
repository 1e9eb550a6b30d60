//! How callers are handed over to somebody else.

use super::wire::wire_enum;

wire_enum! {
    /// How a caller came to whom they were handed over.
    pub enum TransferWay is "way of a transfer" {
        /// Their own side dialed on (REFER).
        Refer = "refer",
        /// Joined by us, nobody was asked.
        Bridge = "bridge",
        /// Joined by us, after whoever took over had said yes.
        Warm = "warm",
    }
}
