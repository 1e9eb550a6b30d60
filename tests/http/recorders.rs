//! The recorder of a trunk over REST.

use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(a_trunk_has_a_recorder_as_long_as_it_says_so);

async fn a_trunk_has_a_recorder_as_long_as_it_says_so(db: TestDb) {
    let client = Client::new(db).await;
    let trunk = json!({"name": "Carrier", "host": "192.0.2.7", "caller_ids": ["+442079460000"]});
    let path = format!("/api/v1/trunks/{}/recorder", client.create("/api/v1/trunks", trunk).await);
    assert_eq!(client.get(&path).await.json, json!({"uri": null}));
    let uri = "sip:recorder@198.51.100.20:5060;transport=tcp";
    let set = client.put(&path, json!({"uri": uri})).await;
    assert_eq!((set.status, set.json), (200, json!({"uri": uri})));
    assert_eq!(client.get(&path).await.json, json!({"uri": uri}));
    for wrong in ["recorder", "tel:+442079460000", "sip:recorder:secret@192.0.2.7", "sip:recorder@192.0.2.7?Subject=x"]
    {
        let refused = client.put(&path, json!({"uri": wrong})).await;
        let fault = &refused.json["errors"][0];
        assert_eq!((refused.status, &fault["pointer"], &fault["code"]), (422, &json!("/uri"), &json!("invalid_uri")));
    }
    assert_eq!(client.put(&path, json!({"uri": null})).await.json, json!({"uri": null}));
    let unknown = "/api/v1/trunks/0190f3c4-7b1a-7000-8000-000000000001/recorder";
    assert_eq!(client.get(unknown).await.status, 404);
}
