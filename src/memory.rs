//! The process's memory as the operating system keeps it.

use std::io;

/// Keeps the kernel from putting pages of this process together to huge ones.
///
/// The allocator gives pages back that are free. Where huge pages are on for every program, or an allocator asks for them, the
/// kernel's `khugepaged` fills the holes between those that are not, some MiB every ten seconds, and a server that has had a
/// busy hour keeps what it needed then. It is to be called before there are other threads.
///
/// # Errors
/// The kernel knows no such setting.
#[cfg(target_os = "linux")]
pub fn keep_pages_small() -> io::Result<()> {
    Ok(rustix::thread::disable_transparent_huge_pages(true)?)
}

/// Elsewhere pages stay as they are.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn keep_pages_small() -> io::Result<()> {
    Ok(())
}
