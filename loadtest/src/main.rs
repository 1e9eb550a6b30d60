//! The `callwright-loadtest` program: carriers, callees and vendors to test a server against.

use std::process::ExitCode;

use callwright_loadtest::{carrier, vendors};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(
    name = "callwright-loadtest",
    version,
    about = "Simulated carriers, callees and vendors to test a Callwright server against"
)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Be a carrier: answer every call over real SIP and RTP as one of many personas
    Carrier(carrier::Options),
    /// Be the vendors: serve their recognisers, voices and models on one port, with the faults that are asked for
    Vendors(vendors::Options),
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("CALLWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let result = match Options::parse().command {
        Command::Carrier(options) => carrier::run(options),
        Command::Vendors(options) => vendors::run(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
