mod chaos;
mod events;
mod network;
mod sending;
mod world;
