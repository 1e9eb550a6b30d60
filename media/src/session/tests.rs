mod bridge;
mod chaos;
mod events;
mod network;
mod sending;
mod streaming;
mod world;
