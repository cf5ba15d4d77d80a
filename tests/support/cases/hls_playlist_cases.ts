// Playlists before and after rewriting. Line ends are written out where they matter.

/** Each playlist and its rewritten form; `@@` stands for the parameter in hls_link_cases.ts. */
export const REWRITTEN_PLAYLISTS: Readonly<
  Record<string, readonly [playlist: string, rewritten: string]>
> = {
  "SRS's master playlist": [
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1\n" +
    "/live/show.m3u8?hls_ctx=k2u1p0d9&token=a\n",
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1\n" +
    "/live/show.m3u8?hls_ctx=k2u1p0d9&token=a&@@\n",
  ],
  "SRS's media playlist": [
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-TARGETDURATION:3\n" +
    '#EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=AES-128,URI="show-7.key",IV=0x0a\n' +
    "#EXTINF:2.5, no desc\nshow-7.ts?hls_ctx=k2u1p0d9\n",
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-TARGETDURATION:3\n" +
    '#EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=AES-128,URI="show-7.key?@@",IV=0x0a\n' +
    "#EXTINF:2.5, no desc\nshow-7.ts?hls_ctx=k2u1p0d9&@@\n",
  ],
  "an origin that names itself": [
    "#EXTM3U\n#EXTINF:2,\nhttp://10.0.0.5:8080/live/show-7.ts\n",
    "#EXTM3U\n#EXTINF:2,\n/live/show-7.ts?@@\n",
  ],
  "fragmented MP4 and low latency": [
    '#EXTM3U\n#EXT-X-MAP:URI="show/init.mp4",BYTERANGE="720@0"\n#EXTINF:2,\nshow-7.m4s\n' +
    '#EXT-X-PART:DURATION=0.5,URI="show-8.0.m4s",INDEPENDENT=YES\n' +
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="show-8.1.m4s"\n' +
    '#EXT-X-RENDITION-REPORT:URI="../low/show.m3u8",LAST-MSN=8\n',
    '#EXTM3U\n#EXT-X-MAP:URI="show/init.mp4?@@",BYTERANGE="720@0"\n#EXTINF:2,\nshow-7.m4s?@@\n' +
    '#EXT-X-PART:DURATION=0.5,URI="show-8.0.m4s?@@",INDEPENDENT=YES\n' +
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="show-8.1.m4s?@@"\n' +
    '#EXT-X-RENDITION-REPORT:URI="../low/show.m3u8?@@",LAST-MSN=8\n',
  ],
  "a master playlist with everything": [
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch, \'URI=x\'",URI="de.m3u8"\n' +
    '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple"\n' +
    '#EXT-X-SESSION-DATA:DATA-ID="title",URI="title.json"\n' +
    '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?x=1",PATHWAY-ID="a"\n' +
    '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,URI="iframes.m3u8"\n' +
    '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=100,URI="images.m3u8"\n' +
    '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a",CODECS="avc1,mp4a"\nlow.m3u8\n',
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch, \'URI=x\'",URI="de.m3u8?@@"\n' +
    '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple"\n' +
    '#EXT-X-SESSION-DATA:DATA-ID="title",URI="title.json?@@"\n' +
    '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?x=1&@@",PATHWAY-ID="a"\n' +
    '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,URI="iframes.m3u8?@@"\n' +
    '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=100,URI="images.m3u8?@@"\n' +
    '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a",CODECS="avc1,mp4a"\nlow.m3u8?@@\n',
  ],
  "CRLF, a byte order mark, no final line end": [
    '\xef\xbb\xbf#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI="k.key"\r\n\r\n#EXTINF:2,\r\na.ts\r\nb.ts',
    '\xef\xbb\xbf#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI="k.key?@@"\r\n\r\n#EXTINF:2,\r\na.ts?@@\r\nb.ts?@@',
  ],
  "comments, unknown tags, bytes that are not UTF-8": [
    '#EXTM3U \n# URI="a.ts"\n#EXT-X-OWN:URI="a.ts"\n#EXTINF:2,Caf\xe9\n\xe9.ts\n#EXT-X-ENDLIST',
    '#EXTM3U \n# URI="a.ts"\n#EXT-X-OWN:URI="a.ts"\n#EXTINF:2,Caf\xe9\n\xe9.ts?@@\n#EXT-X-ENDLIST',
  ],
  "advertisements and variables": [
    '#EXTM3U\n#EXT-X-DEFINE:NAME="cdn",VALUE="https://cdn.example"\n' +
    '#EXT-X-DATERANGE:ID="1",X-ASSET-URI="ad.m3u8",X-ASSET-LIST="/ads.json"\n' +
    '#EXTINF:2,\n{$cdn}/a.ts\n#EXTINF:2,\nb.ts?q={$cdn}\n#EXT-X-MAP:URI="{$cdn}/init.mp4"\n',
    '#EXTM3U\n#EXT-X-DEFINE:NAME="cdn",VALUE="https://cdn.example"\n' +
    '#EXT-X-DATERANGE:ID="1",X-ASSET-URI="ad.m3u8",X-ASSET-LIST="/ads.json"\n' +
    '#EXTINF:2,\n{$cdn}/a.ts\n#EXTINF:2,\nb.ts?q={$cdn}&@@\n#EXT-X-MAP:URI="{$cdn}/init.mp4"\n',
  ],
  "attribute lists of all kinds": [
    "#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-KEY:\n#EXT-X-KEY\n" +
    '#EXT-X-MAP: URI="a.mp4" , BYTERANGE="1"\n#EXT-X-MAP:X-URI="a",URI="b"\n' +
    '#EXT-X-MAP:URI="a.mp4",BYTERANGE="1\n#EXT-X-MAP:BYTERANGE="1,URI="a"\n' +
    '#EXT-X-MAP:URI=a.mp4\n#EXT-X-MAP:URI=""\n#EXT-X-MAP:URI="a",URI="b"\n',
    "#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-KEY:\n#EXT-X-KEY\n" +
    '#EXT-X-MAP: URI="a.mp4?@@" , BYTERANGE="1"\n#EXT-X-MAP:X-URI="a",URI="b?@@"\n' +
    '#EXT-X-MAP:URI="a.mp4?@@",BYTERANGE="1\n#EXT-X-MAP:BYTERANGE="1,URI="a"\n' +
    '#EXT-X-MAP:URI=a.mp4\n#EXT-X-MAP:URI=""\n#EXT-X-MAP:URI="a?@@",URI="b"\n',
  ],
  "nothing to rewrite": ["#EXTM3U", "#EXTM3U"],
};

/** Bytes that are not a playlist. */
export const NO_PLAYLISTS: readonly string[] = [
  "",
  "\n#EXTM3U\na.ts",
  "#EXTM3U8\na.ts",
  "#EXTINF:2,\na.ts",
  "\xef\xbb#EXTM3U\n",
  "\xff\xfe#\0E\0X\0T\0M\x003\0U\0\n\0",
  "<html>#EXTM3U</html>",
  "404",
];
