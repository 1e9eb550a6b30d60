mod bridge;
mod chaos;
mod events;
mod network;
mod secure;
mod sending;
mod streaming;
mod world;
