//! `callwright forecast`: a forecast for people or for programs.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{NoForecast, ask};
use crate::api::forecast::ForecastView;
use crate::campaign::zone::zone_named;
use crate::dialer::forecast::Forecast;
use crate::dialer::forecast::experience::ENOUGH;
use crate::store::campaign::{self, Campaign};
use crate::store::forecast::Question;
use crate::store::{Db, StoreError};

/// What keeps a forecast from being shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// No campaign is called that, or several are.
    #[error("{found} campaigns have the id or the name `{wanted}`: give the id of one")]
    Which {
        /// What was asked for.
        wanted: String,
        /// How many there are.
        found: usize,
    },
    /// There is none.
    #[error(transparent)]
    NoForecast(#[from] NoForecast),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be written.
    #[error("the forecast cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the forecast of the campaign with this id or name.
///
/// # Errors
/// When there is no such campaign, or the database, the time or `out` fails.
pub async fn run(
    db: &Db,
    wanted: &str,
    question: &Question,
    json: bool,
    out: &mut impl Write,
) -> Result<(), ShowError> {
    let mut tx = db.read().await?;
    let found = campaign::called(&mut tx, wanted).await?;
    drop(tx);
    let [campaign] = found.as_slice() else {
        return Err(ShowError::Which { wanted: wanted.to_owned(), found: found.len() });
    };
    let forecast = ask(db, campaign.org, campaign.id, question).await?;
    if json {
        let text = serde_json::to_string_pretty(&ForecastView::of(&forecast)).expect("a forecast is JSON");
        writeln!(out, "{text}")?;
    } else {
        table(campaign, &forecast, question, out)?;
    }
    Ok(())
}

fn table(campaign: &Campaign, forecast: &Forecast, question: &Question, out: &mut impl Write) -> io::Result<()> {
    let zone = zone_named(&campaign.data.schedule.time_zone).unwrap_or(TimeZone::UTC);
    let clock = |at: Timestamp| zone.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string();
    let moment = |at: Option<Timestamp>| at.map_or("never".to_owned(), &clock);
    let name = &campaign.data.name;
    writeln!(out, "{name} ({}), {} {}", campaign.state, clock(forecast.at), campaign.data.schedule.time_zone)?;
    writeln!(out)?;
    let (early, late) = (moment(forecast.spread.0), moment(forecast.spread.1));
    let done = forecast.done.map_or("not by itself within 400 days".to_owned(), &clock);
    writeln!(out, "  done          {done}   (one time in ten by {early}, nine in ten by {late})")?;
    let (dials, answered) = (forecast.dials(), forecast.answered());
    writeln!(out, "  calls         {dials:.0} dials, {answered:.0} answered, {:.0} minutes", forecast.minutes)?;
    if let Some(left) = forecast.minutes_left {
        writeln!(out, "  minutes       {:.0} of them this month; {left:.0} are left", forecast.minutes_this_month)?;
    }
    for (title, line) in held(forecast).into_iter().enumerate() {
        writeln!(out, "  {:13} {line}", if title == 0 { "held back by" } else { "" })?;
    }
    for (index, (why, contacts)) in forecast.unreached.iter().filter(|(_, contacts)| **contacts >= 0.5).enumerate() {
        let title = if index == 0 { "not called" } else { "" };
        writeln!(out, "  {title:13} {contacts:.0} contacts: {}", why.in_words())?;
    }
    let assumed = &question.assumed;
    match forecast.learnt_from {
        known if known >= ENOUGH => writeln!(out, "  learnt from   {known} dials of this campaign")?,
        known => writeln!(
            out,
            "  assumed       {} % answered, {} % mailboxes, {} s of talk; {known} dials of it are known, {ENOUGH} are enough",
            assumed.answered_percent, assumed.voicemail_percent, assumed.talk_s
        )?,
    }
    if forecast.scale > 1.0 {
        writeln!(out, "  simulated     one contact for every {:.1}", forecast.scale)?;
    }
    writeln!(out)?;
    writeln!(out, "  {:16}  {:>8}  {:>8}  {:>8}  held back by", "hour", "dials", "answered", "minutes")?;
    for (&from, hour) in forecast.busy_hours() {
        let limit = hour.held_most().map_or("", |holding| holding.as_str());
        let from = clock(from);
        writeln!(out, "  {from:16}  {:>8.0}  {:>8.0}  {:>8.0}  {limit}", hour.dials, hour.answered, hour.minutes)?;
    }
    Ok(())
}

fn held(forecast: &Forecast) -> Vec<String> {
    let mut shares: Vec<_> = forecast.shares().into_iter().filter(|(_, share)| *share >= 0.005).collect();
    shares.sort_by(|one, other| other.1.total_cmp(&one.1));
    shares.into_iter().map(|(what, share)| format!("{:.0} % of the time: {}", share * 100.0, what.in_words())).collect()
}
