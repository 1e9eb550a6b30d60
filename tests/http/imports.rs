//! Files with contacts and cases, from the upload to the undoing.

use axum::body::Body;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_file_is_looked_at_mapped_and_imported,
    rows_that_are_there_are_skipped_or_updated,
    cases_come_with_their_contacts,
    a_workbook_says_what_its_cells_show,
    a_sheet_of_opendocument_is_read,
    encodings_and_separators_are_told_and_can_be_chosen,
    what_is_no_table_is_refused_with_the_reason,
    a_plan_that_does_not_fit_is_told_at_once,
    an_import_that_was_broken_off_goes_on_where_it_was,
    an_import_is_undone_but_for_whom_somebody_has_touched,
    failed_rows_come_back_to_be_mended,
);

async fn upload(client: &Client, name: &str, file: impl Into<Vec<u8>>) -> Answer {
    let body = Body::from(file.into());
    client.send("POST", &format!("/api/v1/imports?file_name={name}"), Some("application/octet-stream"), body).await
}

async fn uploaded(client: &Client, file: impl Into<Vec<u8>>) -> String {
    let made = upload(client, "people", file).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.json["id"].as_str().expect("an id").to_owned()
}

fn columns(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(column, field)| json!({"column": column, "field": field})).collect()
}

/// Imports a file by a plan, to its end.
async fn imported(client: &Client, file: impl Into<Vec<u8>>, plan: Value) -> Value {
    let id = uploaded(client, file).await;
    started(client, &id, plan).await;
    done(client, &id).await
}

async fn started(client: &Client, id: &str, plan: Value) {
    let set = client.put(&format!("/api/v1/imports/{id}/plan"), plan).await;
    assert_eq!(set.status, 200, "{}", set.json);
    let begun = client.post(&format!("/api/v1/imports/{id}/start"), json!({})).await;
    assert_eq!((begun.status, &begun.json["state"]), (202, &json!("queued")), "{}", begun.json);
}

async fn done(client: &Client, id: &str) -> Value {
    client.imports.work(&client.db.db, &client.phones).await.expect("imported");
    client.get(&format!("/api/v1/imports/{id}")).await.json
}

fn counts(import: &Value) -> [u64; 5] {
    ["total", "imported", "updated", "skipped", "failed"].map(|name| import[name].as_u64().expect("a count"))
}

async fn contacts(client: &Client) -> Vec<Value> {
    client.get("/api/v1/contacts?sort=name&limit=1000").await.json["items"].as_array().expect("contacts").clone()
}

fn numbers(contact: &Value) -> Vec<&str> {
    contact["phones"].as_array().expect("phones").iter().map(|phone| phone["number"].as_str().unwrap_or("")).collect()
}

async fn a_file_is_looked_at_mapped_and_imported(db: TestDb) {
    let client = Client::new(db).await;
    let file = "Vorname;Nachname;Handy;Telefon privat;E-Mail;Tarif\n\
                Ada;Lovelace;0151 12345678;030 901820;ada@example.org;A\n\
                Ben;\"Smith; jr\";12;;;B\n\
                ;;;;;\n\
                Cy;;+49 30 901821;;not an address;C\n\
                Di;Doe;030 901822;;;\"two\nlines\"\n";
    let id = uploaded(&client, file).await;
    let path = format!("/api/v1/imports/{id}");
    let look = client.get(&format!("{path}/preview")).await.json;
    let guess: Vec<_> =
        look["guess"].as_array().expect("guesses").iter().map(|guess| (&guess["column"], &guess["field"])).collect();
    let want = [
        ("Vorname", "first_name"),
        ("Nachname", "last_name"),
        ("Handy", "phone"),
        ("Telefon privat", "phone"),
        ("E-Mail", "email"),
    ]
    .map(|(column, field)| (json!(column), json!(field)));
    assert_eq!(guess, want.iter().map(|(column, field)| (column, field)).collect::<Vec<_>>());
    assert_eq!(
        (&look["reading"]["separator"], &look["checked"], &look["complete"]),
        (&json!("semicolon"), &json!(4), &json!(true))
    );
    assert_eq!(look["rows"][1], json!({"row": 3, "cells": ["Ben", "Smith; jr", "12", "", "", "B"]}));
    let mapping = columns(&[
        ("Vorname", "first_name"),
        ("Nachname", "last_name"),
        ("Handy", "phone"),
        ("Telefon privat", "phone"),
        ("E-Mail", "email"),
        ("Tarif", "variable"),
    ]);
    let plan = json!({"country": "DE", "mapping": mapping, "tags": ["Spring"], "list": {"new": "Spring"}});
    started(&client, &id, plan).await;
    let look = client.get(&format!("{path}/preview")).await.json;
    assert_eq!((&look["problem_count"], &look["problems"][0]["row"]), (&json!(2), &json!(3)), "{}", look["problems"]);
    let import = done(&client, &id).await;
    assert_eq!((&import["state"], counts(&import)), (&json!("done"), [4, 2, 0, 0, 2]), "{import}");
    assert_eq!(import["percent"], json!(100.0));
    let all = contacts(&client).await;
    assert_eq!(all[0]["name"], "Ada Lovelace");
    assert_eq!(numbers(&all[0]), ["+4915112345678", "+4930901820"]);
    assert_eq!(
        (&all[0]["emails"][0]["address"], &all[0]["variables"]["Tarif"]),
        (&json!("ada@example.org"), &json!("A"))
    );
    assert_eq!((&all[1]["name"], &all[1]["variables"]["Tarif"]), (&json!("Di Doe"), &json!("two\nlines")));
    assert_eq!(all[1]["tags"][0]["name"], "Spring");
    let list = client.get(&format!("/api/v1/lists/{}", import["list_id"].as_str().expect("a list"))).await.json;
    assert_eq!((&list["name"], &list["members"]), (&json!("Spring"), &json!(2)));
    let log = client.get(&format!("{path}/log")).await.json;
    let rows: Vec<_> = log["rows"].as_array().expect("rows").iter().map(|row| (&row["row"], &row["code"])).collect();
    assert_eq!(rows, [(&json!(3), &json!("invalid_phone")), (&json!(5), &json!("invalid_email"))]);
    assert!(!client.imports.path(id.parse().expect("an id")).exists(), "the file is needed no longer");
    let of = client.get(&format!("/api/v1/contacts/total?import_id={id}")).await.json;
    assert_eq!(of["count"], json!(2));
    let again = client.post(&format!("{path}/start"), json!({})).await;
    assert_eq!((again.status, &again.json["code"]), (409, &json!("not_allowed_in_state")));
}

async fn rows_that_are_there_are_skipped_or_updated(db: TestDb) {
    let client = Client::new(db).await;
    let two = json!({"name": "Ada", "external_id": "K1", "phones": [{"number": "+442079460001", "label": "office"},
                     {"number": "+442079460002"}], "variables": {"offer": "A", "old": "x"}});
    client.create("/api/v1/contacts", two).await;
    client.create("/api/v1/contacts", json!({"name": "Bo", "phone": "+442079460003"})).await;
    let file = "id,name,tel,offer\nK1,Ada L,+442079460009,B\n,Bob,+442079460003,\n,New,+442079460004,C\n\
                ,New again,+442079460004,D\nK1,,+442079460001,\n,Bo,+442079460003,\n";
    let plan = |duplicates: Value| {
        let mapping = columns(&[("id", "contact_id"), ("name", "name"), ("tel", "phone"), ("offer", "variable")]);
        json!({"mapping": mapping, "duplicates": duplicates})
    };
    let id = uploaded(&client, file).await;
    let look = client.get(&format!("/api/v1/imports/{id}/preview")).await.json;
    assert_eq!((&look["duplicates"], &look["duplicate_rows"]), (&json!(5), &json!([2, 3, 5, 6, 7])));
    started(&client, &id, plan(json!({"strategy": "skip"}))).await;
    let skipped = done(&client, &id).await;
    assert_eq!(counts(&skipped), [6, 1, 0, 5, 0], "{skipped}");
    let log = client.get(&format!("/api/v1/imports/{id}/log")).await.json;
    let codes: Vec<_> = log["rows"].as_array().expect("rows").iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, ["exists", "exists", "repeated", "repeated", "repeated"]);
    assert_eq!(contacts(&client).await[0]["name"], "Ada", "what is there stays");
    let updated = imported(&client, file, plan(json!({"strategy": "update"}))).await;
    assert_eq!(counts(&updated), [6, 0, 4, 2, 0], "{updated}");
    let all = contacts(&client).await;
    assert_eq!(all.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["Ada L", "Bo", "New again"]);
    assert_eq!(numbers(&all[0]), ["+442079460001", "+442079460002", "+442079460009"], "added");
    assert_eq!(all[0]["phones"][0]["label"], "office");
    assert_eq!(all[0]["variables"], json!({"offer": "B", "old": "x"}), "an empty cell changes nothing");
    let replaced = "id,name,tel\nK1,Ada,+442079460002\n";
    let ways = json!({"strategy": "update", "phones": "replace"});
    let mapping = columns(&[("id", "contact_id"), ("name", "name"), ("tel", "phone")]);
    let replaced = imported(&client, replaced, json!({"mapping": mapping, "duplicates": ways})).await;
    assert_eq!(counts(&replaced), [1, 0, 1, 0, 0]);
    assert_eq!(numbers(&contacts(&client).await[0]), ["+442079460002"]);
}

async fn cases_come_with_their_contacts(db: TestDb) {
    let client = Client::new(db).await;
    let file = "CaseID,First Name,Mobile,Case Type,Incident\nA-1,Ada,+442079460001,Claim,crash\n\
                A-2,Ada,+442079460001,,fall\n,Bo,+442079460002,,\nA-3,Cy,12,,\n";
    let mapping = columns(&[
        ("CaseID", "case_id"),
        ("First Name", "first_name"),
        ("Mobile", "phone"),
        ("Case Type", "case_type"),
        ("Incident", "case_detail"),
    ]);
    let plan = json!({"kind": "cases", "mapping": mapping, "case_type": "General", "case_status": "Open",
                      "list": {"new": "Cases"}});
    let first = imported(&client, file, plan).await;
    assert_eq!(counts(&first), [4, 3, 0, 0, 1], "{first}");
    let cases = client.get("/api/v1/cases").await.json["items"].as_array().expect("cases").clone();
    assert_eq!(cases.len(), 3);
    assert_eq!((&cases[0]["case_type"]["name"], &cases[1]["case_type"]["name"]), (&json!("Claim"), &json!("General")));
    assert_eq!(
        (&cases[0]["details"], &cases[0]["case_status"]["name"]),
        (&json!({"Incident": "crash"}), &json!("Open"))
    );
    assert_eq!(cases[0]["contact"]["id"], cases[1]["contact"]["id"], "one contact with two cases");
    assert_eq!(contacts(&client).await.len(), 2);
    let list = client.get(&format!("/api/v1/lists/{}", first["list_id"].as_str().expect("a list"))).await.json;
    assert_eq!((&list["kind"], &list["members"]), (&json!("cases"), &json!(3)));
    // Known by the case's id, the contact's number may be another one.
    let again = "CaseID,Mobile,Status\nA-1,+442079460009,Closed\nA-1,+442079460009,Closed\n,+442079460002,Closed\n";
    let mapping = columns(&[("CaseID", "case_id"), ("Mobile", "phone"), ("Status", "case_status")]);
    let update = json!({"kind": "cases", "mapping": mapping, "duplicates": {"strategy": "update"}});
    let second = imported(&client, again, update).await;
    assert_eq!(counts(&second), [3, 0, 1, 2, 0], "{second}");
    let closed = client.get("/api/v1/cases?external_id=A-1").await.json["items"][0].clone();
    assert_eq!((&closed["case_status"]["name"], &closed["details"]["Incident"]), (&json!("Closed"), &json!("crash")));
    assert_eq!(numbers(&contacts(&client).await[0]), ["+442079460001", "+442079460009"]);
}

/// What spreadsheets make of numbers, dates, formulas and merged cells.
async fn a_workbook_says_what_its_cells_show(db: TestDb) {
    let client = Client::new(db).await;
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Notes").expect("a name").write(0, 0, "nothing here").expect("written");
    let sheet = book.add_worksheet();
    sheet.set_name("People & more").expect("a name");
    for (column, heading) in ["Name", "Mobile", "Born", "Offer", "Mobile"].into_iter().enumerate() {
        sheet.write(1, column as u16, heading).expect("written");
    }
    let date = Format::new().set_num_format("dd.mm.yyyy");
    sheet.write(2, 0, "Ada <& Co>").expect("written");
    sheet.write(2, 1, 442_079_460_001.0).expect("written");
    let born = ExcelDateTime::from_ymd(2001, 2, 3).expect("a day");
    sheet.write_with_format(2, 2, &born, &date).expect("written");
    sheet.write(2, 3, Formula::new("=1+1").set_result("2")).expect("written");
    sheet.write(3, 0, "Ben").expect("written");
    sheet.write(3, 1, "+44 20 7946 0002").expect("written");
    sheet.write(3, 3, 0.5).expect("written");
    sheet.write(3, 4, "+442079460003").expect("written");
    sheet.merge_range(5, 0, 6, 0, "Cy", &Format::new()).expect("merged");
    sheet.write(5, 1, "+442079460004").expect("written");
    sheet.write(6, 1, "+442079460005").expect("written");
    sheet.write(7, 3, true).expect("written");
    let file = book.save_to_buffer().expect("a workbook");
    let id = uploaded(&client, file).await;
    let path = format!("/api/v1/imports/{id}");
    let look = client.get(&format!("{path}/preview")).await.json;
    assert_eq!((&look["format"], &look["sheets"]), (&json!("xlsx"), &json!(["Notes", "People & more"])));
    let chosen = client.put(&format!("{path}/reading"), json!({"sheet": "People & more"})).await;
    assert_eq!(chosen.status, 200, "{}", chosen.json);
    let headings: Vec<_> =
        chosen.json["columns"].as_array().expect("columns").iter().map(|column| &column["heading"]).collect();
    assert_eq!(headings, ["Name", "Mobile", "Born", "Offer", "Mobile (2)"]);
    assert_eq!(chosen.json["merged_cells"], json!(1));
    let first = json!({"row": 3, "cells": ["Ada <& Co>", "442079460001", "2001-02-03", "2", ""]});
    assert_eq!(chosen.json["rows"][0], first);
    let mapping = columns(&[
        ("Name", "name"),
        ("Mobile", "phone"),
        ("Born", "variable"),
        ("Offer", "variable"),
        ("Mobile (2)", "phone"),
    ]);
    started(&client, &id, json!({"mapping": mapping})).await;
    let import = done(&client, &id).await;
    assert_eq!((&import["state"], counts(&import)), (&json!("done"), [5, 4, 0, 0, 1]), "{import}");
    let all = contacts(&client).await;
    assert_eq!(all.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["", "Ada <& Co>", "Ben", "Cy"]);
    assert_eq!(all[1]["variables"], json!({"Born": "2001-02-03", "Offer": "2"}));
    assert_eq!(
        (numbers(&all[2]), &all[2]["variables"]["Offer"]),
        (vec!["+442079460002", "+442079460003"], &json!("0.5"))
    );
    let log = client.get(&format!("{path}/log")).await.json;
    assert_eq!((&log["rows"][0]["row"], &log["rows"][0]["code"]), (&json!(8), &json!("missing_phone")));
    let unknown = client.put(&format!("{path}/reading"), json!({"sheet": "People"})).await;
    assert_eq!(unknown.status, 409, "it has been started");
}

async fn a_sheet_of_opendocument_is_read(db: TestDb) {
    let client = Client::new(db).await;
    let cell = |text: &str| {
        format!("<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>")
    };
    let number = "<table:table-cell office:value-type=\"float\" office:value=\"442079460002\"><text:p>4,42E+11</text:p></table:table-cell>";
    let note = "<table:table-cell office:value-type=\"string\"><office:annotation><text:p>a note</text:p></office:annotation>\
                <text:p>Bo<text:s text:c=\"2\"/>B</text:p></table:table-cell>";
    let date = "<table:table-cell office:value-type=\"date\" office:date-value=\"2026-11-22\"><text:p>22.11.26</text:p></table:table-cell>";
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"o\" xmlns:table=\"t\" xmlns:text=\"x\"><office:body>\
         <office:spreadsheet><table:table table:name=\"One\"><table:table-row>{}{}{}</table:table-row>\
         <table:table-row><table:table-cell table:number-columns-repeated=\"1024\"/></table:table-row>\
         <table:table-row>{}{}{date}</table:table-row><table:table-row>{note}{number}</table:table-row>\
         <table:table-row table:number-rows-repeated=\"2\">{}{}</table:table-row>\
         <table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell table:number-columns-repeated=\"1024\"/>\
         </table:table-row></table:table></office:spreadsheet></office:body></office:document-content>",
        cell("Name"),
        cell("Tel"),
        cell("Since"),
        cell("Ada &amp; Co"),
        cell("+442079460001"),
        cell("Twin"),
        cell("+442079460003"),
    );
    let file = archive(&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", &content)]);
    let id = uploaded(&client, file).await;
    let look = client.get(&format!("/api/v1/imports/{id}/preview")).await.json;
    assert_eq!((&look["format"], &look["sheets"], &look["checked"]), (&json!("ods"), &json!(["One"]), &json!(4)));
    assert_eq!(look["rows"][1], json!({"row": 4, "cells": ["Bo  B", "442079460002", ""]}));
    let mapping = columns(&[("Name", "name"), ("Tel", "phone"), ("Since", "variable")]);
    started(&client, &id, json!({"mapping": mapping})).await;
    let import = done(&client, &id).await;
    assert_eq!((&import["state"], counts(&import)), (&json!("done"), [4, 3, 0, 1, 0]), "{import}");
    let all = contacts(&client).await;
    assert_eq!(all.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["Ada & Co", "Bo  B", "Twin"]);
    assert_eq!(all[0]["variables"], json!({"Since": "2026-11-22"}));
}

async fn encodings_and_separators_are_told_and_can_be_chosen(db: TestDb) {
    let client = Client::new(db).await;
    let text = "Name\tTel\nJürgen Müller\t+442079460001\n";
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let windows: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect();
    for (file, encoding) in [
        (text.as_bytes().to_vec(), "utf-8"),
        ([b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat(), "utf-8"),
        (utf16, "utf-16le"),
        (windows.clone(), "latin1"),
        ([b"sep=\t\r\n".as_slice(), text.as_bytes()].concat(), "utf-8"),
    ] {
        let id = uploaded(&client, file).await;
        let look = client.get(&format!("/api/v1/imports/{id}/preview")).await.json;
        assert_eq!((&look["reading"]["encoding"], &look["reading"]["separator"]), (&json!(encoding), &json!("tab")));
        assert_eq!(look["rows"][0]["cells"][0], "Jürgen Müller", "{encoding}");
        assert_eq!(look["columns"][0]["heading"], "Name");
    }
    let id = uploaded(&client, windows).await;
    let path = format!("/api/v1/imports/{id}/reading");
    let wrong = client.put(&path, json!({"encoding": "utf-8"})).await.json;
    assert_eq!((&wrong["problem_count"], &wrong["problems"][0]["code"]), (&json!(1), &json!("no_value")), "{wrong}");
    let other = client.put(&path, json!({"separator": "comma", "heading": false})).await.json;
    assert_eq!((&other["columns"][0]["heading"], &other["checked"]), (&json!("Column 1"), &json!(2)));
}

async fn what_is_no_table_is_refused_with_the_reason(db: TestDb) {
    let client = Client::new(db).await;
    let bomb = "<si><t>".to_owned() + &"a".repeat(8 << 20) + "</t></si>";
    let book = |texts: &str| {
        archive(&[
            ("xl/workbook.xml", "<workbook><sheets><sheet name=\"A\" r:id=\"r1\"/></sheets></workbook>"),
            (
                "xl/_rels/workbook.xml.rels",
                "<Relationships><Relationship Id=\"r1\" Type=\"x/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
            ),
            ("xl/sharedStrings.xml", texts),
            (
                "xl/worksheets/sheet1.xml",
                "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row></sheetData></worksheet>",
            ),
        ])
    };
    let whole = book("<sst uniqueCount=\"18446744073709551615\"><si><t>Tel</t></si></sst>");
    let id = uploaded(&client, whole.clone()).await;
    let look = client.get(&format!("/api/v1/imports/{id}/preview")).await;
    assert_eq!((look.status, &look.json["columns"][0]["heading"]), (200, &json!("Tel")), "{}", look.json);
    let id = uploaded(&client, book(&bomb)).await;
    let look = client.get(&format!("/api/v1/imports/{id}/preview")).await;
    assert_eq!((look.status, &look.json["errors"][0]["code"]), (422, &json!("too_large")), "{}", look.json);
    let id = uploaded(&client, book("<sst></sst>")).await;
    let look = client.get(&format!("/api/v1/imports/{id}/preview")).await;
    assert_eq!((look.status, &look.json["errors"][0]["code"]), (422, &json!("damaged")), "{}", look.json);
    for (file, code) in [
        (Vec::new(), "empty"),
        (b"%PDF-1.7 ...".to_vec(), "no_table"),
        (b"<html><table><tr><td>1</td></tr></table>".to_vec(), "no_table"),
        (vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "old_or_locked"),
        (vec![0, 1, 2, 3, 0xff, 0, 0, 9, 9], "no_table"),
        (whole[..whole.len() / 2].to_vec(), "damaged"),
        (archive(&[("readme.txt", "hello")]), "no_table"),
        (archive(&[("content.xml", "<a><b>")]), "empty"),
    ] {
        let refused = upload(&client, "x", file).await;
        let told = &refused.json["errors"][0];
        assert_eq!((refused.status, &told["code"]), (422, &json!(code)), "{}", refused.json);
        assert!(told["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{}", refused.json);
    }
    let left = std::fs::read_dir(client.imports.folder()).expect("the folder").count();
    assert_eq!(left, 3, "files that were refused are gone");
    let wide = vec!["c"; 1001].join(";");
    let id = uploaded(&client, wide).await;
    let look = client.get(&format!("/api/v1/imports/{id}/preview")).await;
    assert_eq!(look.json["errors"][0]["code"], "too_many_columns", "{}", look.json);
    let many = format!("tel;{}\n+442079460001;x\n", (0..350).map(|n| format!("c{n}")).collect::<Vec<_>>().join(";"));
    let import = imported(&client, many, json!({"mapping": columns(&[("tel", "phone")])})).await;
    assert_eq!(counts(&import), [1, 1, 0, 0, 0], "rows may be shorter than the first one");
    // A quotation mark that is never closed is one row; what came before it is imported.
    let open = format!("tel\n+442079460002\n\"open\n{}", "+442079460003\n".repeat(100_000));
    let import = imported(&client, open, json!({"mapping": columns(&[("tel", "phone")])})).await;
    assert_eq!((&import["state"], counts(&import)), (&json!("done"), [2, 1, 0, 0, 1]), "{import}");
}

async fn a_plan_that_does_not_fit_is_told_at_once(db: TestDb) {
    let client = Client::new(db).await;
    let id = uploaded(&client, "Name,Tel\nAda,+442079460001\n").await;
    let path = format!("/api/v1/imports/{id}");
    let none = client.post(&format!("{path}/start"), json!({})).await;
    assert_eq!((none.status, &none.json["code"]), (409, &json!("no_plan")));
    let plan = json!({"mapping": [{"column": "Phone", "field": "email"}, {"column": "Name", "field": "case_id"}],
                      "country": "Moon", "case_type": "x", "list": {"id": "0190f3c4-7b1a-7000-8000-000000000001"}});
    let refused = client.put(&format!("{path}/plan"), plan).await;
    let mut places: Vec<_> =
        refused.json["errors"].as_array().expect("faults").iter().map(|fault| fault["pointer"].as_str()).collect();
    places.sort_unstable();
    let want = ["/case_type", "/country", "/list/id", "/mapping", "/mapping/0/column", "/mapping/1/field"].map(Some);
    assert_eq!(places, want, "{}", refused.json);
    let unknown = client.put(&format!("{path}/plan"), json!({"mapping": [{"column": "Tel", "field": "fax"}]})).await;
    assert_eq!((unknown.status, &unknown.json["errors"][0]["pointer"]), (422, &json!("/mapping/0/field")));
    let kept = json!({"name": "CRM", "plan": {"mapping": columns(&[("Tel", "phone")])}});
    assert_eq!(client.post("/api/v1/import-mappings", kept).await.status, 200);
    let look = client.get(&format!("{path}/preview")).await.json;
    assert_eq!(look["fitting"], json!(["CRM"]));
    let mapping = client.get("/api/v1/import-mappings").await.json["items"][0].clone();
    started(&client, &id, mapping["plan"].clone()).await;
    let stopped = client.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!((stopped.status, &stopped.json["state"]), (202, &json!("cancelled")));
    assert_eq!(counts(&done(&client, &id).await), [0; 5], "nothing of it was imported");
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
}

async fn an_import_that_was_broken_off_goes_on_where_it_was(db: TestDb) {
    let client = Client::new(db).await;
    let mut file = "tel\n".to_owned();
    (0..1200).for_each(|number| file.push_str(&format!("+4420{}\n", 30_000_000 + number)));
    let id = uploaded(&client, file.clone()).await;
    started(&client, &id, json!({"mapping": columns(&[("tel", "phone")])})).await;
    // A node takes it, writes some rows and dies.
    let import = id.parse().expect("an id");
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let taken = callwright::store::import::take(&mut tx, import).await.expect("taken").expect("one that waits");
    tx.commit().await.expect("committed");
    let rows: Vec<_> = (0..500_u64).map(|number| row(number + 2, &format!("+4420{}", 30_000_000 + number))).collect();
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let written = callwright::store::import::write(&mut tx, &client.phones, &taken, &rows, 10).await;
    assert_eq!(written.expect("written"), callwright::store::import::Written::Rows(500));
    tx.commit().await.expect("committed");
    assert_eq!(counts(&done(&client, &id).await), [500, 500, 0, 0, 0], "its lease lasts");
    client.db.db.shift_clock(3 * 60 * 1_000_000);
    let import = done(&client, &id).await;
    assert_eq!((&import["state"], counts(&import)), (&json!("done"), [1200, 1200, 0, 0, 0]), "{import}");
    assert_eq!(client.get("/api/v1/contacts/total").await.json["count"], json!(1200));
}

fn row(number: u64, phone: &str) -> callwright::store::import::Parsed {
    use callwright::campaign::import::person::Layout;
    use callwright::campaign::import::{Cell, Field, Mapped, Plan, Row};
    let mapping = vec![Mapped { column: "tel".to_owned(), field: Field::Phone, name: None }];
    let layout = Layout::new(&Plan { mapping, ..Plan::default() }, &["tel".to_owned()]);
    let row = Row { number, cells: Ok(vec![Cell::Text(phone.to_owned())]) };
    callwright::store::import::Parsed { said: layout.read(&row), row }
}

async fn an_import_is_undone_but_for_whom_somebody_has_touched(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let file = "name,tel\nAda,+442079460001\nBo,+442079460002\nCy,+442079460003\nDi,+442079460004\nEd,+442079460005\n";
    let mapping = columns(&[("name", "name"), ("tel", "phone")]);
    client.create("/api/v1/contacts", json!({"name": "Old", "phone": "+442079460005"})).await;
    let plan = json!({"mapping": mapping, "duplicates": {"strategy": "update"}, "list": {"new": "All"}});
    let id = uploaded(&client, file).await;
    let early = client.post(&format!("/api/v1/imports/{id}/undo"), json!({})).await;
    assert_eq!((early.status, &early.json["code"]), (409, &json!("not_allowed_in_state")));
    started(&client, &id, plan).await;
    let import = done(&client, &id).await;
    assert_eq!(counts(&import), [5, 3, 1, 1, 0], "{import}");
    let all = contacts(&client).await;
    let of = |name: &str| all.iter().find(|one| one["name"] == name).expect("a contact")["id"].as_str().expect("an id");
    // Bo is edited, Cy comes into a draft, Ada was there before and dialed by nobody.
    client.put(&format!("/api/v1/contacts/{}", of("Bo")), json!({"name": "Bob", "phone": "+442079460002"})).await;
    let body = json!({"contact_ids": [of("Cy")]});
    assert_eq!(client.post(&format!("/api/v1/campaigns/{campaign}/contacts"), body).await.status, 200);
    let begun = client.post(&format!("/api/v1/imports/{id}/undo"), json!({})).await;
    assert_eq!((begun.status, &begun.json["state"]), (202, &json!("undoing")), "{}", begun.json);
    let undone = done(&client, &id).await;
    assert_eq!(undone["state"], "undone");
    let told = &undone["undone"];
    assert_eq!((&told["contacts"], &told["restored"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!(told["kept"], json!({"the contact was changed since": 1}));
    let names: Vec<_> = contacts(&client).await.iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["Ada", "Bob", "Old"]);
    let again = client.post(&format!("/api/v1/imports/{id}/undo"), json!({})).await;
    assert_eq!(again.status, 409);
}

async fn failed_rows_come_back_to_be_mended(db: TestDb) {
    let client = Client::new(db).await;
    let file = "name,tel\nAda,+442079460001\n=2+3,12\n\"x, y\",13\n";
    let mapping = columns(&[("name", "name"), ("tel", "phone")]);
    let import = imported(&client, file, json!({"mapping": mapping})).await;
    assert_eq!(counts(&import), [3, 1, 0, 0, 2]);
    let path = format!("/api/v1/imports/{}", import["id"].as_str().expect("an id"));
    let csv = client.get(&format!("{path}/failed.csv")).await;
    let text = String::from_utf8(csv.bytes).expect("text");
    assert_eq!(
        text,
        "row,reason,name,tel\n3,column 'tel': the phone number has no country code: write it with a leading + and the country \
         code,'=2+3,12\n4,column 'tel': the phone number has no country code: write it with a leading + and the country code,\
         \"x, y\",13\n"
    );
    let mended = text.replace(",12\n", ",+442079460002\n").replace(",13\n", ",+442079460003\n");
    let import = imported(&client, mended, json!({"mapping": mapping})).await;
    assert_eq!(counts(&import), [2, 2, 0, 0, 0], "{import}");
    assert_eq!(contacts(&client).await[0]["name"], "=2+3", "as it was");
    let log = client.get(&format!("{path}/log?outcome=failed&limit=1")).await.json;
    assert_eq!((&log["next"], &log["reasons"][0]["rows"]), (&json!(3), &json!(2)), "{log}");
    let rest = client.get(&format!("{path}/log?after=3")).await.json;
    assert_eq!((&rest["rows"][0]["row"], &rest["next"]), (&json!(4), &Value::Null));
}

/// A ZIP archive with stored parts.
fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let (mut file, mut contents) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let (at, size) = (file.len() as u32, text.len() as u32);
        let mut sizes = Vec::new();
        sizes.extend(crc.sum().to_le_bytes());
        sizes.extend(size.to_le_bytes());
        sizes.extend(size.to_le_bytes());
        sizes.extend((name.len() as u16).to_le_bytes());
        sizes.extend([0, 0]);
        file.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        file.extend(&sizes);
        file.extend(name.as_bytes());
        file.extend(text.as_bytes());
        contents.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        contents.extend(&sizes);
        contents.extend([0; 10]);
        contents.extend(at.to_le_bytes());
        contents.extend(name.as_bytes());
    }
    let (at, size, count) = (file.len() as u32, contents.len() as u32, parts.len() as u16);
    file.extend(contents);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}
