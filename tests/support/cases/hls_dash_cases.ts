// DASH manifests before and after rewriting.

/** SRS's manifest, shortened. */
const SRS_MANIFEST = `<?xml version="1.0" encoding="utf-8"?>
<MPD profiles="urn:mpeg:dash:profile:isoff-live:2011" 
    xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:ns1="http://www.w3.org/2001/XMLSchema-instance" 
    type="dynamic" minBufferTime="PT2.000S" >
    <BaseURL>show/</BaseURL>
    <Period start="PT0S">
        <AdaptationSet mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
            <Representation id="audio" bandwidth="48000" codecs="mp4a.40.2">
                <SegmentTemplate initialization="$RepresentationID$-init.mp4" media="$RepresentationID$-$Number$.m4s" startNumber="7" timescale="1000">
                    <SegmentTimeline>
                        <S t="1000" d="2000" />
                    </SegmentTimeline>
                </SegmentTemplate>
            </Representation>
        </AdaptationSet>
    </Period>
</MPD>
`;

/** Each manifest and its rewritten form; `@@` stands for the parameter in hls_link_cases.ts. */
export const REWRITTEN_MANIFESTS: Readonly<
  Record<string, readonly [manifest: string, rewritten: string]>
> = {
  "SRS's manifest": [
    SRS_MANIFEST,
    SRS_MANIFEST
      .replace("$RepresentationID$-init.mp4", "$RepresentationID$-init.mp4?@@")
      .replace("$RepresentationID$-$Number$.m4s", "$RepresentationID$-$Number$.m4s?@@"),
  ],
  "nginx-rtmp's templates": [
    '<MPD><SegmentTemplate media="show-$Time$.m4v"\r\n initialization="show-init.m4v"/></MPD>\r\n',
    '<MPD><SegmentTemplate media="show-$Time$.m4v?@@"\r\n initialization="show-init.m4v?@@"/></MPD>\r\n',
  ],
  "lists, indexes and single files": [
    "<MPD><Period><BaseURL>a.mp4</BaseURL><SegmentList><Initialization sourceURL='i.mp4'/>" +
    '<SegmentURL media="1.m4s" mediaRange="0-9" index="1.idx"/></SegmentList>' +
    '<RepresentationIndex sourceURL="r.idx"/><BitstreamSwitching sourceURL="b.mp4"/>' +
    '<SegmentTemplate index="t.idx" bitstreamSwitching="s.mp4"/></Period></MPD>',
    "<MPD><Period><BaseURL>a.mp4?@@</BaseURL><SegmentList><Initialization sourceURL='i.mp4?@@'/>" +
    '<SegmentURL media="1.m4s?@@" mediaRange="0-9" index="1.idx?@@"/></SegmentList>' +
    '<RepresentationIndex sourceURL="r.idx?@@"/><BitstreamSwitching sourceURL="b.mp4?@@"/>' +
    '<SegmentTemplate index="t.idx?@@" bitstreamSwitching="s.mp4?@@"/></Period></MPD>',
  ],
  "references in values": [
    `<MPD><SegmentURL media="a.ts?x=1&amp;y=&quot;&#38;z=2" index='a&apos;b&lt;'/>` +
    '<SegmentURL media="caf&#233;.ts"/><SegmentURL media="&own;.ts"/><SegmentURL media="&amp"/>' +
    '<SegmentURL media="a&#x26;b"/><SegmentURL media="a&#10;b"/></MPD>',
    `<MPD><SegmentURL media="a.ts?x=1&amp;y=&#34;&amp;z=2&amp;@@" index='a&#39;b&#60;?@@'/>` +
    '<SegmentURL media="caf&#233;.ts"/><SegmentURL media="&own;.ts"/><SegmentURL media="&amp"/>' +
    '<SegmentURL media="a&amp;b?@@"/><SegmentURL media="a&#10;b"/></MPD>',
  ],
  "addresses": [
    "<MPD><BaseURL>http://10.0.0.5:8080/live/</BaseURL>" +
    "<Location> http://10.0.0.5:8080/live/show.mpd?a=1 </Location>" +
    "<PatchLocation ttl='6'>/patch</PatchLocation>" +
    '<Period xlink:href="http://10.0.0.5:8080/period.xml" href="http://10.0.0.5:8080/x">' +
    "<BaseURL>http://demo.com:18080/live/?a=1</BaseURL></Period>" +
    '<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/></MPD>',
    "<MPD><BaseURL>/live/</BaseURL>" +
    "<Location> /live/show.mpd?a=1&amp;@@ </Location>" +
    "<PatchLocation ttl='6'>/patch?@@</PatchLocation>" +
    '<Period xlink:href="/period.xml?@@" href="http://10.0.0.5:8080/x">' +
    "<BaseURL>http://demo.com:18080/live/?a=1</BaseURL></Period>" +
    '<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/></MPD>',
  ],
  "bases elsewhere": [
    "<MPD><Period><BaseURL>https://cdn.example/</BaseURL><BaseURL>x/</BaseURL>" +
    '<SegmentURL media="a.ts"/></Period>' +
    "<Period><BaseURL>https://cdn.example/</BaseURL><AdaptationSet><BaseURL>y.mp4</BaseURL>" +
    '<SegmentURL media="/a.ts" index="http://demo.com:18080/i"/></AdaptationSet>' +
    "<AdaptationSet><BaseURL>//10.0.0.5:8080/z/</BaseURL>" +
    '<SegmentURL media="b.ts"/></AdaptationSet></Period><Period><SegmentURL media="c.ts"/></Period></MPD>',
    "<MPD><Period><BaseURL>https://cdn.example/</BaseURL><BaseURL>x/</BaseURL>" +
    '<SegmentURL media="a.ts?@@"/></Period>' +
    "<Period><BaseURL>https://cdn.example/</BaseURL><AdaptationSet><BaseURL>y.mp4</BaseURL>" +
    '<SegmentURL media="/a.ts" index="http://demo.com:18080/i?@@"/></AdaptationSet>' +
    "<AdaptationSet><BaseURL>/z/</BaseURL>" +
    '<SegmentURL media="b.ts?@@"/></AdaptationSet></Period><Period><SegmentURL media="c.ts?@@"/></Period></MPD>',
  ],
  "what only looks like links": [
    '\xef\xbb\xbf<!-- <BaseURL>a.mp4</BaseURL> --><?x media="a"?><m:MPD xmlns:m="urn:m">' +
    '<![CDATA[<SegmentURL media="a"/>]]><Other media="a"/><m:SegmentURL xmedia="b>" media = "c"/>' +
    "<UTCTiming value='http://10.0.0.5:8080/time'/><BaseURL><![CDATA[a.mp4]]></BaseURL>" +
    "<BaseURL/><BaseURL></BaseURL><BaseURL>\n</BaseURL><BaseURL>a<!-- --></BaseURL>caf\xc3\xa9</m:MPD >",
    '\xef\xbb\xbf<!-- <BaseURL>a.mp4</BaseURL> --><?x media="a"?><m:MPD xmlns:m="urn:m">' +
    '<![CDATA[<SegmentURL media="a"/>]]><Other media="a"/><m:SegmentURL xmedia="b>" media = "c?@@"/>' +
    "<UTCTiming value='http://10.0.0.5:8080/time'/><BaseURL><![CDATA[a.mp4]]></BaseURL>" +
    "<BaseURL/><BaseURL></BaseURL><BaseURL>\n</BaseURL><BaseURL>a<!-- --></BaseURL>caf\xc3\xa9</m:MPD >",
  ],
  "nothing to rewrite": ["<MPD/>", "<MPD/>"],
};

/** Bytes that are not a manifest, or one too unusual to rewrite. */
export const NO_MANIFESTS: readonly string[] = [
  "",
  "#EXTM3U\na.ts",
  "<html><body>404</body></html>",
  "<html></html><MPD/>",
  "<MPD/><MPD/>",
  "<MPD>",
  "<MPD></mpd>",
  "<MPD></MPD></MPD>",
  "<MPD><Period></MPD></Period>",
  '<!DOCTYPE MPD [<!ENTITY a "b">]><MPD/>',
  "<!DOCTYPE MPD><MPD/>",
  "<MPD a=b/>",
  '<MPD a="1"b="2"/>',
  '<MPD a="1>',
  '<MPD a="<"/>',
  "<MPD><!-- </MPD>",
  "<MPD><![CDATA[ </MPD>",
  "<MPD><?x </MPD>",
  "<MPD",
  "< MPD/>",
  "<\0M\0P\0D\0/\0>\0",
];
