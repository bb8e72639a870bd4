"""How the report looks: one style sheet, dark on the screen, light on paper, one column."""

STYLE = """
:root{--ground:#0b0e14;--card:#121722;--edge:#1f2735;--text:#dfe5ee;--soft:#8d99ab;
--wake:#f2b36b;--rem:#e0707f;--light:#5f8fd6;--deep:#3f4fb0;--line:#c9d2df;--heart:#e58a92;
--base:#8d99ab;--score:#f2b36b;--lamp:#ff9d3c;--gone:#000;--weak:#4a5568}
*{box-sizing:border-box;margin:0}
body{background:var(--ground);color:var(--text);line-height:1.5;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:60rem;margin:0 auto;padding:2.2rem 1.2rem 3rem}
h1{font-weight:300;font-size:clamp(1.7rem,5vw,2.6rem);letter-spacing:-.02em;line-height:1.15}
h2{font-weight:600;font-size:.78rem;letter-spacing:.09em;text-transform:uppercase;
color:var(--soft);margin-bottom:.8rem}
.span{color:var(--soft);font-size:1.15rem;font-weight:300}
.of{color:var(--soft);font-size:.85rem}
.chip{display:inline-block;border:1px solid var(--wake);color:var(--wake);border-radius:2rem;
padding:.15rem .8rem;font-size:.78rem;letter-spacing:.03em;margin-bottom:1rem}
section{margin-top:2.2rem}
.plain p{max-width:44rem}.plain p+p{color:var(--soft);margin-top:.35rem;font-size:.95rem}
figure{margin-bottom:1.1rem}
figcaption{font-size:.8rem;color:var(--soft);margin-bottom:.35rem}
figcaption b{color:var(--text);font-weight:600;margin-right:.4rem}
.box{position:relative;background:var(--card);border-radius:.5rem;overflow:hidden}
.box svg{display:block;width:100%;height:100%;position:absolute;inset:0}
.box svg path{vector-effect:non-scaling-stroke}.stages svg,.worn svg{shape-rendering:crispEdges}
.worn .box{height:.65rem;border-radius:.33rem}.stages .box{height:13rem}
.heart .box{height:11rem}.bands .box{height:9rem}.score .box{height:7rem}.lamp .box{height:4.5rem}
.lines{position:absolute;inset:0;pointer-events:none}
.lines i{position:absolute;top:0;bottom:0;border-left:1px solid var(--edge)}
.rows{position:absolute;inset:0;display:grid;grid-template-rows:repeat(4,1fr);
pointer-events:none}
.row,.level{font-size:.72rem;color:var(--text);opacity:.75;text-shadow:0 0 .3rem var(--ground),
0 0 .15rem var(--ground)}
.row{padding:.15rem .5rem;border-top:1px solid var(--edge)}.row:first-child{border-top:0}
.level{position:absolute;left:.5rem;transform:translateY(50%)}
.level::after{content:"";position:absolute;left:1.9rem;width:100vw;top:50%;
border-top:1px solid var(--edge)}
.mark{position:absolute;top:0;width:0;height:100%;border-left:2px solid var(--text);opacity:.9}
.mark::before{content:"";position:absolute;left:-.36rem;top:.25rem;width:.6rem;height:.6rem;
border-radius:50%;background:var(--score)}
.mark.rescue::before{background:var(--lamp);box-shadow:0 0 .6rem var(--lamp)}
.hours{position:relative;height:1.3rem;font-size:.75rem;color:var(--soft)}
.hours span{position:absolute;transform:translateX(-50%)}
.dark{color:var(--soft);font-size:.9rem;margin:.2rem 0 .8rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:1.1rem .8rem}
dl div{display:flex;flex-direction:column}
dd{font-size:1.35rem;font-weight:300;letter-spacing:-.01em}
dt{font-size:.8rem;color:var(--soft)}
.shares{margin-top:1.4rem;display:grid;gap:.4rem}
.share{position:relative;display:grid;grid-template-columns:4rem 6.5rem 1fr;gap:.5rem;
font-size:.88rem;padding:.3rem .7rem;border-radius:.4rem;background:var(--card);overflow:hidden}
.share i{position:absolute;inset:0 auto 0 0;opacity:.38}
.share>*{position:relative}.share i{position:absolute}.share b{font-weight:400}
.share em{font-style:normal;color:var(--soft)}
.small{font-size:.78rem;color:var(--soft);margin-top:.8rem}
ul{list-style:none;padding:0}li{padding:.3rem 0;border-top:1px solid var(--edge)}
li b{font-weight:400;color:var(--soft);display:inline-block;min-width:4rem}
.why{display:block;font-size:.8rem;color:var(--soft);margin-left:4.3rem}
.sure p{max-width:44rem}.sure p+p{margin-top:.5rem;color:var(--soft)}
footer{margin-top:2.6rem;padding-top:1rem;border-top:1px solid var(--edge);font-size:.75rem;
color:var(--soft)}
@media(min-width:44rem){.night{padding-left:3.6rem;overflow-x:clip}.rows,.level{left:-3.6rem}
.row,.level{opacity:1;color:var(--soft);text-shadow:none}.level{left:-2.2rem;width:1.8rem;
text-align:right}.level::after{left:2.2rem}.row{border-color:transparent;padding-left:0;
display:flex;align-items:center}.box{overflow:visible}.box svg{border-radius:.5rem}
.rows{right:auto;width:3.4rem}}
@media(max-width:34rem){figcaption span{display:block}.stages .box{height:11rem}
.hours span:nth-child(even){display:none}}
@media print{@page{size:A4;margin:10mm 12mm}
:root{--ground:#fff;--card:#f4f5f7;--edge:#d9dde3;--text:#11151c;--soft:#59626f;
--wake:#d98a2b;--rem:#c94a5c;--light:#6f9be0;--deep:#3d4aa5;--line:#11151c;--heart:#c94a5c;
--score:#c9791c;--gone:#fff;--weak:#c3c9d2}
html{font-size:10.5px}body{font-size:9.5pt;-webkit-print-color-adjust:exact;
print-color-adjust:exact}
main{padding:0;max-width:none}section{margin-top:3mm}h1{font-size:17pt}h2{margin-bottom:1mm}
figure{margin-bottom:1.5mm;break-inside:avoid}.stages .box{height:33mm}.heart .box{height:27mm}
.bands .box{height:27mm}
.score .box{height:16mm}.lamp .box{height:11mm}
dl{grid-template-columns:repeat(8,1fr);gap:1mm 2mm}dd{font-size:11pt}dt{font-size:7pt}
.shares{margin-top:1.5mm;grid-template-columns:repeat(3,1fr);gap:2mm}
.share{grid-template-columns:auto auto auto}li{padding:.5mm 0}footer{margin-top:3mm}}
"""

WEEKS = """
.weeks{--row:.8rem;--most:60rem}.raster{padding-left:3.4rem}
.raster .box{border-radius:.3rem;overflow:visible}.raster svg{shape-rendering:crispEdges}
.key{display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;margin:0 .3rem 0 .8rem}
.day{position:absolute;left:-3.4rem;font-size:.7rem;line-height:1;color:var(--soft)}
.top,.foot{position:absolute;left:.4rem;font-size:.66rem;color:var(--soft);
text-shadow:0 0 .25rem var(--card),0 0 .1rem var(--card)}.top{top:.15rem}
.foot{bottom:.15rem}
.said{display:grid;gap:1.1rem}.said h2{margin-bottom:0}
h3{font-size:.95rem;font-weight:600}.said p{max-width:44rem}.said .small{margin-top:.2rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:1rem 1.4rem}
.trend .box{height:5.5rem}.trend .small{margin-top:.3rem}.trend figcaption{min-height:2.6em}
.trend figcaption span{display:block}.trend svg path{stroke-linecap:round}
table{border-collapse:collapse;width:100%;max-width:44rem;font-size:.88rem}
th{font-weight:400;color:var(--soft);font-size:.75rem}
th,td{text-align:right;padding:.3rem .4rem;border-top:1px solid var(--edge);white-space:nowrap}
th{border:0}th:first-child,td:first-child{text-align:left;padding-left:0}
@media(max-width:34rem){th,td{padding:.3rem .2rem;font-size:.78rem}}
@media print{.weeks{--row:2mm;--most:50mm}.said{grid-template-columns:1fr 1fr;gap:1.5mm 6mm}
.said h2{grid-column:1/-1}h3{font-size:8.5pt}.said p{font-size:7.5pt}
.weeks .small{font-size:6.6pt;line-height:1.3;margin:0}
.weeks .plain p{font-size:8.5pt;margin:0}
.grid{grid-template-columns:repeat(3,1fr);gap:1mm 4mm}.trend .box{height:11mm}
.trend figcaption{min-height:0}table{font-size:7pt;line-height:1.15}
th,td{padding:.3mm 1mm}.weeks footer{font-size:6.5pt;margin-top:2mm;padding-top:1mm}
.weeks section{margin-top:2.5mm}}
"""
