"""Write a page as Sage does for a three-dimensional plot, with the parts that matter to a frame."""

from __future__ import annotations

PAGE = """<!DOCTYPE html>
<html>
<head>
<title></title>
<meta charset="utf-8">
<meta name=viewport content="width=device-width, user-scalable=no, minimum-scale=1.0, maximum-scale=1.0">
<style>body { margin: 0px; overflow: hidden; }</style>
</head>
<body>
<script src="three-sage-130.min.js"></script>
<script>
var options = {"animate":false,"theme":"THEME"};
var surfaces = [{"color":"COLOUR"}];
var scene = new THREE.Scene();
var renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
renderer.setPixelRatio(window.devicePixelRatio);
renderer.setSize(window.innerWidth, window.innerHeight);
renderer.setClearColor( options.theme === "dark" ? 0 : 0xffffff, 1 );
document.body.appendChild(renderer.domElement);
var camera = new THREE.PerspectiveCamera(45, window.innerWidth / window.innerHeight, 0.1, 100);
camera.up.set(0, 0, 1);
camera.position.set(4, 3, 2);
scene.add(camera);
scene.add(new THREE.AmbientLight("#7f7f7f", 1));
var geometry = new THREE.Geometry();
for (const [x, y, z] of [[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]]) {
  geometry.vertices.push(new THREE.Vector3(x, y, z));
}
for (const [a, b, c] of [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]) geometry.faces.push(new THREE.Face3(a, b, c));
geometry.computeVertexNormals();
scene.add(new THREE.Mesh(geometry, new THREE.MeshPhongMaterial({ side: THREE.DoubleSide, color: surfaces[0].color })));
var box = new THREE.BoxHelper(scene.children[scene.children.length - 1], "black");
scene.add(box);
var line = new THREE.LineGeometry();
line.setPositions([0, 0, 0, 2, 2, 2]);
var material = new THREE.LineMaterial({ color: 0xff0000, linewidth: 0.01 });
scene.add(new THREE.Line2(line, material));
var controls = new THREE.OrbitControls(camera, renderer.domElement);
controls.addEventListener("change", render);
window.addEventListener("resize", function() {
  renderer.setSize(window.innerWidth, window.innerHeight);
  camera.aspect = window.innerWidth / window.innerHeight;
  camera.updateProjectionMatrix();
  render();
});
function render() { renderer.render(scene, camera); }
render();
controls.update();
</script>
</body>
</html>
"""


def scene(script: str = "", theme: str = "light", colour: str = "#6666ff") -> str:
    """Return the page in one of Sage's two themes, with a script of one's own at its end."""
    page = PAGE.replace("THEME", theme).replace("COLOUR", colour)
    return page.replace("</body>", f"<script>{script}</script></body>") if script else page
